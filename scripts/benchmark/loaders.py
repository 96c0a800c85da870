"""The loaders of JPEG files, each with its own random crops of the same distribution."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripts.benchmark import jpeg_files
from scripts.benchmark.case import SEED, Case
from scripts.benchmark.clock import Clock
from scripts.benchmark.loading import WORKERS
from trainer.datasets.images.transforms.normalise import IMAGENET_MEAN, IMAGENET_STD


def trainer(case: Case, folder: Path, clock: Clock) -> None:
    """Load images in threads."""
    from trainer.data.loader_source import LoaderSource
    from trainer.data.sample_reader import SampleReader
    from trainer.datasets.image_folder import image_folder
    from trainer.datasets.images.transforms.image_transform import image_transform

    dataset = image_folder(str(jpeg_files.path(folder)))["train"]
    reader = SampleReader(dataset, image_transform(case.task.size), augments=True)
    source = LoaderSource(reader, case.task.batch, SEED, WORKERS, "shuffle")
    for epoch in range(1, case.epochs + 1):
        _read(source.columns(epoch), clock)


def torchvision(case: Case, folder: Path, clock: Clock) -> None:
    """Load images in processes of PyTorch's DataLoader."""
    loader = torchvision_loader(case, folder)
    for _ in range(case.epochs):
        _read(loader, clock)


def torchvision_loader(case: Case, folder: Path) -> Any:
    """Return PyTorch's DataLoader of the images, which decodes them in processes."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(case.task.size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    dataset = datasets.ImageFolder(str(jpeg_files.path(folder)), transform)
    return DataLoader(
        dataset, case.task.batch, shuffle=True, num_workers=WORKERS, persistent_workers=True
    )


def mindspore_dataset(case: Case, folder: Path, clock: Clock) -> None:
    """Load images in MindSpore's threads; decoding, crop and resize are one operation."""
    from mindspore.dataset import ImageFolderDataset, vision

    pipeline = ImageFolderDataset(
        str(jpeg_files.path(folder)), num_parallel_workers=WORKERS, shuffle=True
    )
    operations = [
        vision.RandomCropDecodeResize(case.task.size),
        vision.RandomHorizontalFlip(),
        vision.Normalize(*([255 * value for value in v] for v in (IMAGENET_MEAN, IMAGENET_STD))),
        vision.HWC2CHW(),
    ]
    pipeline = pipeline.map(operations, "image", num_parallel_workers=WORKERS)
    batches = pipeline.batch(case.task.batch).create_tuple_iterator(
        output_numpy=True, num_epochs=case.epochs
    )
    for _ in range(case.epochs):
        _read(batches, clock)


def _read(batches: Iterable[object], clock: Clock) -> None:
    clock.epoch()
    for _ in batches:
        clock.step(0.0)

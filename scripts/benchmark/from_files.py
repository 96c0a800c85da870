"""Training from JPEG files: what decoding and random preparation cost while a model trains."""

from pathlib import Path

from scripts.benchmark import jpeg_files
from scripts.benchmark.loading import WORKERS

PART = "from_files"
TRAINER = "trainer_files"
TITLES = {
    TRAINER: "this trainer, from JPEG files",
    "eager_files": "PyTorch eager, torchvision's DataLoader",
}
CONTENDERS = " ".join(TITLES)


def overrides(folder: Path) -> list[str]:
    """Return the trainer's overrides for the files in a folder of images."""
    return [
        "dataset=image_folder",
        f"dataset.root='{jpeg_files.path(folder)}'",
        f"dataset.workers={WORKERS}",
        "transform=imagenet",
    ]

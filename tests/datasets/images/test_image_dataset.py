from typing import Any

import numpy as np
import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.cache import MemoryCache
from trainer.datasets.images.errors import ImageError
from trainer.datasets.images.image_dataset import CachedSize, ImageDataset
from trainer.datasets.images.image_folder import image_folder
from trainer.datasets.images.transforms.evaluation import EvaluationTransform
from trainer.datasets.images.transforms.training import TrainingTransform

NAMES = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(4)]


def dataset(root: Any, *parts: Any) -> ImageDataset:
    return ImageDataset(image_folder(root).train, *parts)


def test_it_is_map_style(make_images: MakeImages) -> None:
    data = dataset(make_images(*NAMES))
    image, label = data[5]
    assert (len(data), data.classes, label) == (8, ("cat", "dog"), 1)
    assert (image.height, image.width) == (4, 6)
    assert data.files[5] == "dog/1.jpg"
    assert data.labels.tolist() == [0] * 4 + [1] * 4


def test_its_fingerprint_depends_on_names_and_labels(make_images: MakeImages) -> None:
    root = make_images(*NAMES)
    before = dataset(root).fingerprint()
    assert dataset(root).fingerprint() == before
    (root / "cat/0.jpg").rename(root / "cat/9.jpg")
    renamed = dataset(root).fingerprint()
    (root / "dog").rename(root / "bird")
    assert len({before, renamed, dataset(root).fingerprint()}) == 3


def test_cached_images_are_shrunk(make_images: MakeImages) -> None:
    root, cache = make_images("cat/a.png", size=(50, 40)), MemoryCache(1)
    shapes = [dataset(root, cache, CachedSize(side))[0][0].shape for side in (20, 60, None)]
    assert shapes == [(20, 25, 3), (40, 50, 3), (40, 50, 3)]


@pytest.mark.parametrize("size", [(50, 40), (20, 24)])
def test_evaluation_from_the_cache_has_the_same_bits(
    make_images: MakeImages, size: tuple[int, int]
) -> None:
    root, cache = make_images(*NAMES, size=size), MemoryCache(1)
    transform = EvaluationTransform(21, 0.8, "bicubic")
    plain, cached = dataset(root), dataset(root, cache, CachedSize(26, "bicubic"))
    for _ in range(2):
        for index in range(8):
            expected = transform(plain[index][0])
            np.testing.assert_array_equal(transform(cached[index][0]), expected)
    assert cache.size


def test_a_damaged_file_is_named(make_images: MakeImages) -> None:
    root = make_images("cat/a.jpg", size=(50, 40))
    path = root / "cat/a.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImageError, match="cat/a.jpg: expected a complete image"):
        TrainingTransform(16)(dataset(root)[0][0], np.random.default_rng(0))
    with pytest.raises(ImageError, match="cat/a.jpg: expected a complete image"):
        dataset(root, MemoryCache(1))[0]

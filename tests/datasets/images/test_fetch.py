from typing import Any

import numpy as np
import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.cache import MemoryCache
from trainer.datasets.images.errors import ImageError
from trainer.datasets.images.fetch import fetch_for_evaluation, fetch_images
from trainer.datasets.images.image_folder import image_folder
from trainer.datasets.images.loader import Loader
from trainer.datasets.images.sampling import shuffled_order
from trainer.datasets.images.transforms.evaluation import EvaluationTransform
from trainer.datasets.images.transforms.training import TrainingTransform

NAMES = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(4)]


def test_a_folder_is_read_in_batches(make_images: MakeImages) -> None:
    images = image_folder(make_images(*NAMES, size=(50, 40))).train
    transform = TrainingTransform(16, auto_augment="trivialaugwide", re_prob=0.5)
    order = shuffled_order(len(images), 0, 1)

    def epoch(workers: int, cache: MemoryCache | None = None) -> bytes:
        loader = Loader(fetch_images(images, transform, cache), (3, 16, 16), 4, workers=workers)
        return b"".join(batch.images.tobytes() for batch in loader.batches(order, 1))

    cache = MemoryCache(1)
    runs = [epoch(1), epoch(3), epoch(2, cache), epoch(2, cache)]
    assert len(set(runs)) == 1
    assert cache.size == 8 * 50 * 40 * 3


def test_cached_images_are_shrunk(make_images: MakeImages) -> None:
    images = image_folder(make_images("cat/a.png", size=(50, 40))).train
    cache = MemoryCache(1)
    shapes = []

    def transform(pixels: Any, random: object, out: object) -> None:
        shapes.append(pixels.shape)

    for side in (20, 60, None):
        fetch = fetch_images(images, transform, cache, side)
        fetch(0, np.random.default_rng(0), np.zeros(1))
    assert shapes == [(20, 25, 3), (40, 50, 3), (40, 50, 3)]


def test_evaluation_from_the_cache_has_the_same_bits(make_images: MakeImages) -> None:
    images = image_folder(make_images(*NAMES, size=(50, 40))).train
    transform, cache = EvaluationTransform(21, 0.8, "bicubic"), MemoryCache(1)
    fetches = [fetch_for_evaluation(images, transform, cache)] * 2
    results = np.zeros((3, 8, 3, 21, 21), np.float32)
    for run, fetch in enumerate([fetch_images(images, transform), *fetches]):
        for index in range(8):
            fetch(index, np.random.default_rng(0), results[run, index])
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])
    assert results.any()
    assert cache.size == 8 * 21 * 21 * 3


def test_a_damaged_file_is_named(make_images: MakeImages) -> None:
    root = make_images("cat/a.jpg", size=(50, 40))
    path = root / "cat/a.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    fetch = fetch_images(image_folder(root).train, TrainingTransform(16), MemoryCache(1))
    with pytest.raises(ImageError, match="cat/a.jpg: expected a complete image"):
        fetch(0, np.random.default_rng(0), np.zeros((3, 16, 16), np.float32))

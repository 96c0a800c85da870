from collections.abc import Callable, Iterator
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.dataset import transforms, vision
from numpy.typing import NDArray

from trainer.feature_cache import random_ops

IMAGES = np.random.default_rng(0).integers(0, 255, (300, 8, 8, 3), np.uint8)


def pipeline(*operations: object) -> ds.Dataset:
    return ds.NumpySlicesDataset({"image": IMAGES}).map([*operations], ["image"]).batch(4)


@pytest.mark.parametrize(
    ("operations", "found"),
    [
        ((vision.Resize(4), vision.Normalize([0.0] * 3, [1.0] * 3), vision.ToTensor()), []),
        ((vision.RandomHorizontalFlip(), vision.Resize(4)), ["RandomHorizontalFlip"]),
        ((transforms.Compose([vision.Resize(4), vision.RandomCrop(3)]),), ["RandomCrop"]),
        ((transforms.RandomApply([vision.Resize(4)]),), ["RandomApply"]),
        ((vision.RandAugment(),), ["RandAugment"]),
        ((vision.TrivialAugmentWide(),), ["TrivialAugmentWide"]),
    ],
)
def test_operations_that_draw_are_named(operations: tuple[object, ...], found: list[str]) -> None:
    assert random_ops.random_operations(pipeline(*operations)) == found


Epochs = Callable[[int], Iterator[list[NDArray[Any]]]]


def epochs(shuffled: bool, noise: float, share: float = 1, seed: int = 0) -> Epochs:
    def epoch(number: int) -> Iterator[list[NDArray[Any]]]:
        random = np.random.default_rng([seed, number])
        order = random.permutation(3000) if shuffled else np.arange(3000)
        for start in range(0, 3000, 8):
            rows = order[start : start + 8, None].astype(np.float64)
            changed = random.random(rows.shape) < share
            yield [rows + noise * changed * random.random(rows.shape)]

    return epoch


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_augmented_epochs_differ_and_shuffled_ones_do_not(shuffled: bool, noise: float) -> None:
    assert random_ops.epochs_differ(epochs(shuffled, noise), 3000) == (noise > 0)


def test_few_samples_are_looked_at() -> None:
    seen: list[int] = []

    def epoch(number: int) -> Iterator[list[NDArray[Any]]]:
        for start in range(0, 60_000, 10):
            seen.append(start)
            yield [np.arange(start, start + 10)[:, None]]

    assert not random_ops.epochs_differ(epoch, 60_000)
    assert len(seen) < 2 * 400


@pytest.mark.parametrize(("common", "differ"), [(149, True), (150, False), (400, False)])
def test_three_quarters_of_the_expected_common_samples_suffice(common: int, differ: bool) -> None:
    """Of 800 samples 400 are compared, of which equal epochs share 200 on average."""
    read = {1: 0, 2: 0}

    def epoch(number: int) -> Iterator[list[NDArray[Any]]]:
        shift = 0 if number == 1 else 400 - common
        for sample in range(800):
            read[number] += 1
            yield [np.array([[sample + shift]])]

    assert random_ops.epochs_differ(epoch, 800) == differ
    assert read == {1: 400, 2: 400}


@pytest.mark.parametrize(("samples", "compared"), [(3, 3), (200, 200), (201, 201), (450, 300)])
def test_as_many_samples_are_compared_as_suffice(samples: int, compared: int) -> None:
    read: list[int] = []

    def epoch(number: int) -> Iterator[list[NDArray[Any]]]:
        for sample in range(samples):
            read.append(number)
            yield [np.array([[sample]])]

    assert not random_ops.epochs_differ(epoch, samples)
    assert (read.count(1), read.count(2)) == (compared, compared)


def test_so_do_epochs_in_which_half_of_the_images_are_changed() -> None:
    for seed in range(20):  # with flips of half of them, as many are the same in both
        assert random_ops.epochs_differ(epochs(True, 0.1, 0.3, seed), 3000)
        assert not random_ops.epochs_differ(epochs(True, 0.0, seed=seed), 3000)


def test_an_operation_with_transforms_of_another_make_is_passed_over() -> None:
    class Other:
        transforms = 3

        def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
            return image

    assert random_ops.random_operations(pipeline(Other())) == []

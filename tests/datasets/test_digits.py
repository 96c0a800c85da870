from collections.abc import Sequence
from typing import Any

import mindspore as ms
import mindspore.dataset as ds
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from trainer.datasets.digits import MEAN, STD, digits

ALL = range(10)


def read(data: ds.Dataset) -> tuple[NDArray[Any], NDArray[Any]]:
    batches = list(data.create_tuple_iterator(num_epochs=1, output_numpy=True))
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def contents(data: ds.Dataset) -> set[bytes]:
    return {image.tobytes() for image in read(data)[0]}


def load(classes: Sequence[int] = ALL, batch_size: int = 1) -> tuple[ds.Dataset, ds.Dataset]:
    pair: tuple[ds.Dataset, ds.Dataset] = digits(batch_size, classes, len(classes))
    return pair


def test_shapes_types_and_scale() -> None:
    images, labels = read(load(batch_size=479)[0])
    assert images.shape == (1437, 1, 32, 32) and images.dtype == np.float32
    assert labels.shape == (1437,) and labels.dtype == np.int32
    assert abs(images.mean()) < 0.05
    assert 0.8 < images.std() < 1.05
    assert images.min() == np.float32((0 - MEAN) / STD)
    assert images.max() == np.float32((16 - MEAN) / STD)


def test_images_are_enlarged_bilinearly() -> None:
    original = load_digits()
    large = (original.images[original.target == 3] - MEAN) / STD
    centres = (np.arange(32) + 0.5) / 4 - 0.5
    for axis in (1, 2):
        large = np.apply_along_axis(lambda line: np.interp(centres, range(8), line), axis, large)
    for image in read(load([3])[1])[0]:
        assert np.abs(large - image[0]).max(axis=(1, 2)).min() < 1e-5


def test_a_fifth_of_every_digit_is_held_out() -> None:
    train, validation = (np.bincount(read(data)[1]) for data in load())
    assert (train.sum(), validation.sum()) == (1437, 360)
    np.testing.assert_allclose(validation / (train + validation), 0.2, atol=0.005)


def test_no_image_is_in_both_parts() -> None:
    train, validation = load()
    assert not contents(train) & contents(validation)


def test_the_split_does_not_depend_on_any_seed_of_the_run() -> None:
    splits = []
    for seed in (0, 1):
        ms.set_seed(seed)
        np.random.seed(seed)
        splits.append([contents(data) for data in load()])
    assert splits[0] == splits[1]


def test_the_split_does_not_depend_on_the_classes() -> None:
    for every, some in zip(load(), load([7, 2]), strict=True):
        assert contents(some) < contents(every)


def test_classes_are_labelled_in_their_order() -> None:
    images, labels = read(load([7, 2], batch_size=10)[1])
    assert set(labels.tolist()) == {0, 1}
    for label, digit in enumerate([7, 2]):
        expected = contents(load([digit])[1])
        assert {image.tobytes() for image in images[labels == label]} == expected


@pytest.mark.parametrize(("holdout", "held_out"), [(0.01, 18), (0.5, 899), (0.99, 1780)])
def test_holdout(holdout: float, held_out: int) -> None:
    train, validation = digits(1, ALL, 10, holdout)
    sizes = (train.get_dataset_size(), validation.get_dataset_size())
    assert sizes == (1797 - held_out, held_out)
    assert len(set(read(train)[1])) == len(set(read(validation)[1])) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_classes": 5},
            r"num_classes: expected 10, the number of classes \[0, 1, .*9\], received 5",
        ),
        (
            {"classes": [1, 10], "num_classes": 2},
            r"classes: expected different digits 0 to 9, received \[1, 10\]",
        ),
        (
            {"classes": [1, 1], "num_classes": 2},
            r"classes: expected different digits 0 to 9, received \[1, 1\]",
        ),
        ({"classes": [], "num_classes": 0}, r"classes: expected .*, received \[\]"),
        ({"holdout": 0.0}, r"holdout: expected 0.01 to 0.99, received 0.0"),
        ({"holdout": 1.0}, r"holdout: expected 0.01 to 0.99, received 1.0"),
        (
            {"batch_size": 1438},
            r"batch_size: expected at most 1437, the number of training images, received 1438",
        ),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    good = {"batch_size": 32, "classes": ALL, "num_classes": 10}
    with pytest.raises(ValueError, match=f"^{message}$"):
        digits(**(good | arguments))

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.datasets.images.errors import DataError
from trainer.datasets.images.holdout import split
from trainer.datasets.images.image_list import ImageList


def image_list(*counts: int) -> ImageList:
    """As many images of each class."""
    files = tuple(f"{c}/{n}.jpg" for c, count in enumerate(counts) for n in range(count))
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return ImageList(Path("root"), files, labels, tuple(map(str, range(len(counts)))))


def counts(images: ImageList | None) -> list[int]:
    assert images is not None
    return np.bincount(images.labels, minlength=len(images.class_names)).tolist()


def test_each_class_is_split() -> None:
    parts = split(image_list(50, 10, 3), 0.2, 0.1, 0)
    assert counts(parts.train) == [35, 7, 1]
    assert counts(parts.validation) == [10, 2, 1]
    assert counts(parts.test) == [5, 1, 1]
    files = [file for _, part in parts.items() for file in part.files]
    assert sorted(files) == sorted(image_list(50, 10, 3).files)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(10, 0.15, 2), (10, 0.14, 1), (2, 0.01, 1), (30, 0.35, 11)]
)
def test_shares_are_rounded_half_up(count: int, share: float, expected: int) -> None:
    assert counts(split(image_list(count), share, 0, 0).validation) == [expected]


def test_no_share_is_no_part() -> None:
    parts = split(image_list(4), 0, 0, 0)
    assert parts.validation is None
    assert parts.test is None
    assert parts.train.files == image_list(4).files


def test_the_seed_decides() -> None:
    first, again, other = (split(image_list(40), 0.5, 0, seed).train.files for seed in (1, 1, 2))
    assert first == again != other


def test_order_of_the_list_does_not_matter() -> None:
    images = image_list(20, 20)
    shuffled = images.select(np.random.default_rng(0).permutation(40))
    assert set(split(images, 0.3, 0.1, 0).train.files) == set(
        split(shuffled, 0.3, 0.1, 0).train.files
    )


def test_a_new_file_moves_few_others() -> None:
    before = split(image_list(100), 0.2, 0, 0).validation
    after = split(image_list(101), 0.2, 0, 0).validation
    assert before and after
    assert len(set(before.files) - set(after.files)) <= 1


def test_numbers_are_split_as_one_class() -> None:
    files = tuple(map(str, range(10)))
    parts = split(ImageList(Path(), files, np.zeros(10, np.float32)), 0.2, 0, 0)
    assert parts.validation is not None
    assert len(parts.validation) == 2


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((1.0, 0), "holdout: expected 0 to below 1, received 1.0"),
        (("x", 0), "holdout: expected 0 to below 1, received 'x'"),
        ((0, -0.1), "test_holdout: expected 0 to below 1, received -0.1"),
        ((0.5, 0.5), "less than 1 together with test_holdout, received 0.5 and 0.5"),
        ((0.2, 0.2), "class '1' for 3 parts .* received 2"),
    ],
)
def test_errors(shares: tuple[Any, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(image_list(9, 2), *shares, 0)


@pytest.mark.parametrize("seed", ["1", 0.5, True, None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(DataError, match="split_seed: expected a whole number, received"):
        split(image_list(9, 2), 0.1, 0, seed)

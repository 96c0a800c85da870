"""Splits images into training, validation and test parts that a seed and the file names decide."""

import hashlib
from fractions import Fraction

import numpy as np

from .errors import DataError
from .image_list import ImageList, Splits


def split(images: ImageList, holdout: float, test_holdout: float, seed: int) -> Splits:
    """Return the parts of a list: shares of each class for validation and test, the rest to train.

    The images of a class are ordered by a hash of the seed and the file name; the first are for
    the test, the next for validation. So the order of the list does not matter, and a file that is
    added later moves few others. Several labels or numbers are split as if they were one class.

    Args:
        images: all of them, at least one.
        holdout: share for validation, 0 to below 1; 0 is no such part.
        test_holdout: share for the test, likewise; both together below 1.
        seed: of the split, not of a run, so that all runs have the same parts.

    Raises:
        DataError: a share or the seed is no such number, or a class has too few images for all.
    """
    _check(holdout, test_holdout, seed)
    train: list[int] = []
    validation: list[int] = []
    test: list[int] = []
    for label, members in _classes(images):
        ordered = sorted(members, key=lambda i: _rank(seed, images.files[i]))
        tests = _share(test_holdout, len(members))
        held = tests + _share(holdout, len(members))
        if held >= len(members):
            raise DataError(_too_few(images, label, len(members), holdout, test_holdout))
        train += ordered[held:]
        validation += ordered[tests:held]
        test += ordered[:tests]
    return Splits(images.select(np.sort(train)), _part(images, validation), _part(images, test))


def _part(images: ImageList, indices: list[int]) -> ImageList | None:
    return images.select(np.sort(indices)) if indices else None


def _classes(images: ImageList) -> list[tuple[int, list[int]]]:
    if images.labels.ndim == 1 and images.class_names:
        labels = range(len(images.class_names))
        groups = [(label, np.flatnonzero(images.labels == label).tolist()) for label in labels]
        return [(label, members) for label, members in groups if len(members)]
    return [(-1, list(range(len(images))))]


def _rank(seed: int, file: str) -> bytes:
    text = f"{seed}/{file}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()


def _share(share: float, count: int) -> int:
    """Return the number of images of a class in a part: rounded half up, at least one."""
    if not share:
        return 0
    exact = Fraction(str(share)) * count  # 0.15 of 10 is 1.5, which is less as a binary fraction
    return max(1, int(exact + Fraction(1, 2)))


def _check(holdout: float, test_holdout: float, seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise DataError(f"split_seed: expected a whole number, received {seed!r}")
    for key, share in (("holdout", holdout), ("test_holdout", test_holdout)):
        if isinstance(share, bool | str) or not 0 <= share < 1:
            raise DataError(f"{key}: expected 0 to below 1, received {share!r}")
    if holdout + test_holdout >= 1:
        raise DataError(
            "holdout: expected less than 1 together with test_holdout, "
            f"received {holdout} and {test_holdout}"
        )


def _too_few(images: ImageList, label: int, count: int, holdout: float, test_holdout: float) -> str:
    name = f"class '{images.class_names[label]}'" if label >= 0 else "the table"
    parts = 1 + (holdout > 0) + (test_holdout > 0)
    return (
        f"{images.root}: expected enough images of {name} for {parts} parts with holdout={holdout} "
        f"and test_holdout={test_holdout}, received {count}"
    )

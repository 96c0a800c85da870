"""Handwritten digits from scikit-learn: training takes seconds, and nothing is downloaded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from .arrays import Arrays, Pipelines, pipelines

SPLIT_SEED = 0
"""Seed of the split, not of a run, so that all runs are validated on the same images."""

MEAN, STD = 4.884, 6.017
"""Of all pixels of the 1797 images, which range from 0 to 16."""


def digits(
    batch_size: int, classes: Sequence[int], num_classes: int, holdout: float = 0.2
) -> Pipelines:
    """Return training and validation pipelines of the ten digits, or of some of them.

    They have `image` [batch_size, 1, 32, 32] float32, enlarged from 8x8, with a mean of about 0 and
    a standard deviation of about 1, and `label` [batch_size] int32. All 1797 images are split once,
    by a fixed seed and stratified by digit, before `classes` are selected. So a model that is
    trained on some digits and then on others is never validated on an image of its training.

    Args:
        batch_size: images per batch, 1 to the number of training images, about 144 per class.
        classes: the digits to keep, each 0 to 9 and only once; the i-th of them gets the label i.
        num_classes: outputs of the model; must be the number of `classes`.
        holdout: share of the images for validation, 0.01 to 0.99, so that both parts have images of
            every digit.

    Raises:
        ValueError: an argument is out of its range.
    """
    _check(classes, num_classes, holdout)
    images, labels = load_digits(return_X_y=True)
    train_images, held_images, train_labels, held_labels = train_test_split(
        images, labels, test_size=holdout, stratify=labels, random_state=SPLIT_SEED
    )
    train = _select(train_images, train_labels, classes)
    validation = _select(held_images, held_labels, classes)
    return pipelines(train, validation, batch_size, (MEAN / 16, STD / 16))


def _check(classes: Sequence[int], num_classes: int, holdout: float) -> None:
    if not 0 < len(classes) == len(set(classes) & set(range(10))):
        raise ValueError(f"classes: expected different digits 0 to 9, received {list(classes)}")
    if num_classes != len(classes):
        raise ValueError(
            f"num_classes: expected {len(classes)}, the number of classes {list(classes)}, "
            f"received {num_classes}"
        )
    if not 0.01 <= holdout <= 0.99:
        raise ValueError(f"holdout: expected 0.01 to 0.99, received {holdout}")


def _select(images: NDArray[Any], labels: NDArray[Any], classes: Sequence[int]) -> Arrays:
    kept = np.isin(labels, list(classes))
    label_of = np.full(10, -1, np.int32)
    label_of[list(classes)] = np.arange(len(classes))
    return _enlarge(images[kept].reshape(-1, 8, 8)), label_of[labels[kept]]


def _enlarge(images: NDArray[Any]) -> NDArray[np.float32]:
    """Enlarge [N, 8, 8] to [N, 1, 32, 32] between pixel centres, bilinearly, and scale."""
    centres = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)
    weights = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(8)))  # [32, 8]
    large = weights @ images @ weights.T
    return ((large[:, None] - MEAN) / STD).astype(np.float32)

"""Handwritten digits from scikit-learn: trained on within seconds, and nothing to download."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from .arrays import Arrays, Pipelines, pipelines

SPLIT_SEED = 0
"""Seed of the split. Never a run's own seed: runs must be validated on the same images."""

MEAN, STD = 4.884, 6.017
"""Of all pixels of the 1797 images, which range from 0 to 16."""


def digits(
    batch_size: int, classes: Sequence[int], num_classes: int, holdout: float = 0.2
) -> Pipelines:
    """Some or all of the ten digits, enlarged from 8x8 to 32x32.

    All 1797 images are split once, by a fixed seed and in equal shares of each digit, before
    `classes` are chosen. So neither a run's seed nor its classes move an image from training to
    validation, and a net that was trained on some digits and then on others is never validated
    on an image that it was trained on.

    Args:
        batch_size: images a batch, 1 to the number of training images, some 144 for each class.
        classes: the digits to keep, each 0 to 9 and only once; the i-th of them gets the label i.
        num_classes: outputs of the net; must be the number of `classes`.
        holdout: share of the images that is held out for validation, 0.01 to 0.99, so that both
            parts have images of every digit.

    Returns:
        Training and validation: `image` [batch_size, 1, 32, 32] float32 with a mean of about 0
        and a standard deviation of about 1, and `label` [batch_size] int32.

    Raises:
        ValueError: an argument is out of its range.
    """
    _check(classes, num_classes, holdout)
    images, labels = load_digits(return_X_y=True)
    train_images, held_images, train_labels, held_labels = train_test_split(
        images, labels, test_size=holdout, stratify=labels, random_state=SPLIT_SEED
    )
    train = _choose(train_images, train_labels, classes)
    validation = _choose(held_images, held_labels, classes)
    return pipelines(train, validation, batch_size)


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


def _choose(images: NDArray[Any], labels: NDArray[Any], classes: Sequence[int]) -> Arrays:
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

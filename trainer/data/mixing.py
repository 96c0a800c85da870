"""Mixing: images of a batch are mixed with one another, and their labels become shares."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.backend.batch_types import Columns
from trainer.core.errors import BadData
from trainer.data.transform import Transform


@dataclass(frozen=True)
class Mixing:
    """Mixes the batches of training.

    Attributes:
        transform: mixes images and the shares of their classes.
        classes: number of classes.
    """

    transform: Transform
    classes: int

    def __call__(
        self, inputs: Columns, labels: NDArray[Any], random: np.random.Generator
    ) -> Columns:
        """Return the images of a batch and, for each, its shares of the classes."""
        images, *others = inputs
        mixed, shares = self.transform.mix(images, soft_labels(labels, self.classes), random)
        return [mixed, *others, shares]


def soft_labels(labels: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Return [B, classes] float32: 1 for the class of each image, 0 for the others.

    Args:
        labels: [B] class numbers, or [B, classes] shares that are returned as float32.
        classes: number of classes.

    Raises:
        BadData: a label is no class.
    """
    if labels.ndim == 2:
        return labels.astype(np.float32)
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise BadData(f"dataset: expected labels of 0 to {classes - 1}, received {wrong[0]}")
    return np.eye(classes, dtype=np.float32)[labels]

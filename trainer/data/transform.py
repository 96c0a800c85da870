"""Transform: how images are prepared; the group ``transform`` chooses one."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Transform(Protocol):
    """Prepares an image for training, at random, and for evaluation; several threads call it.

    Attributes:
        shape: of a prepared image.
        dtype: of a prepared image.
        mixes: whether images of a batch are mixed.
    """

    shape: tuple[int, ...]
    dtype: DTypeLike
    mixes: bool

    def train(self, image: Any, random: np.random.Generator, out: NDArray[Any]) -> None:
        """Write the image, prepared for training, into an array."""

    def evaluate(self, image: Any, out: NDArray[Any]) -> None:
        """Write the image, prepared for evaluation, into an array."""

    def mix(
        self, images: NDArray[Any], labels: NDArray[np.float32], random: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return images of a batch mixed with one another, and their labels likewise.

        Args:
            images: [B, ...], prepared.
            labels: [B, classes], the share of each class.
            random: of the batch; the same on all ranks.
        """

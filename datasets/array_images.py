"""Images in memory one by one, as pixels that a transform can prepare."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ArrayImages:
    """A map-style dataset of normalised grey images, turned back into pixels from 0 to 255.

    Attributes:
        images: [N, 1, H, W], normalised.
        labels: [N] class numbers.
        mean: what was subtracted, on a scale where white is 1.
        std: by which the difference was divided.
        classes: names of the classes; none: they have numbers only.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    mean: float
    std: float
    classes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], Any]:
        """Return the pixels [H, W] of an image, and its label."""
        pixels = (self.images[index, 0] * self.std + self.mean) * 255
        return np.rint(pixels).clip(0, 255).astype(np.uint8), self.labels[index]

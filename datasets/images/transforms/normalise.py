"""Turns pixels from 0 to 255 into normalised float32 with the channels first."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from .resize import Pixels

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of ImageNet's training images, on a scale from 0 to 1; most pretrained models expect it."""

IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(
    image: Pixels,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return (image / 255 - mean) / std as [3, height, width] float32.

    Args:
        image: [height, width, 3].
        mean: of each channel, on a scale from 0 to 1.
        std: standard deviation of each channel, likewise; above 0.
        out: where to put the result; `None` makes a new array.
    """
    height, width, _ = image.shape
    out = np.empty((3, height, width), np.float32) if out is None else out
    scale = tuple(1 / (255 * s) for s in std)
    shift = tuple(m / s for m, s in zip(mean, std, strict=True))
    if kernels.can_normalise(image, out):
        kernels.normalise(image, scale, shift, out)
        return out
    for channel in range(3):
        factor = np.float32(scale[channel])
        np.multiply(image[..., channel], factor, out=out[channel], dtype=np.float32)
        out[channel] -= np.float32(shift[channel])
    return out


def denormalise(
    image: NDArray[np.float32],
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Pixels:
    """Return the pixels [height, width, 3] of a normalised image [3, height, width]."""
    scaled = image.transpose(1, 2, 0) * np.asarray(std, np.float32) + np.asarray(mean, np.float32)
    return np.rint(scaled * 255).clip(0, 255).astype(np.uint8)

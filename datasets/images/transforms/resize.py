"""Resizes and crops pixels as Pillow does, which smooths when it shrinks."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import kernels
from ..errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]
"""An image [height, width, 3], red, green and blue from 0 to 255."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom edge in pixels."""

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resampling(interpolation: str) -> Image.Resampling:
    """Return Pillow's filter of a name.

    Raises:
        DataError: there is no such filter.
    """
    if interpolation not in INTERPOLATIONS:
        names = ", ".join(INTERPOLATIONS)
        raise DataError(f"interpolation: expected {names}, received '{interpolation}'")
    return INTERPOLATIONS[interpolation]


def resize(
    image: Pixels, size: tuple[int, int], interpolation: str = "bilinear", box: Box | None = None
) -> Pixels:
    """Return an image, or a box of it, at another size.

    Args:
        image: [height, width, 3].
        size: height and width of the result.
        interpolation: a key of `INTERPOLATIONS`.
        box: the part to resize; its edges need not be whole pixels.
    """
    if box is None and image.shape[:2] == size:
        return image
    method, box = resampling(interpolation), box or (0, 0, image.shape[1], image.shape[0])
    if kernels.can_resize(image, size, method, box):
        return kernels.resize(image, size, method, box)
    return np.asarray(Image.fromarray(image).resize(size[::-1], method, box))


def resize_shorter_side(image: Pixels, size: int, interpolation: str = "bilinear") -> Pixels:
    """Return an image whose shorter side has `size` pixels; the longer one is rounded down."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    return resize(image, (size * height // shorter, size * width // shorter), interpolation)


def centre_crop(image: Pixels, size: int) -> Pixels:
    """Return the square in the middle; what it has beyond the image is black.

    An odd margin is split as torchvision does: half of it, rounded to the nearest even number.
    """
    image = _pad(image, size)
    top, left = (round((length - size) / 2.0) for length in image.shape[:2])
    return image[top : top + size, left : left + size]


def _pad(image: Pixels, size: int) -> Pixels:
    margins = [max(0, size - length) for length in image.shape[:2]]
    if not any(margins):
        return image
    (top, bottom), (left, right) = ((margin // 2, (margin + 1) // 2) for margin in margins)
    return np.pad(image, ((top, bottom), (left, right), (0, 0)))

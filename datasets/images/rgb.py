"""Converts Pillow's images of every kind to RGB with 8 bits per channel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as RGB: alpha is put on white, 16-bit grey is scaled.

    Pillow's own conversion of 16-bit grey cuts off what is above 255, which is nearly everything.

    Raises:
        ValueError: the values of the pixels have no known range.
    """
    if image.mode.startswith("I"):
        return _scale_16_bit(np.asarray(image))
    if image.mode == "F":
        raise ValueError("expected whole numbers as pixels, received floating-point ones")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _scale_16_bit(grey: NDArray[Any]) -> Image.Image:
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > 65535:
        raise ValueError(f"expected grey values from 0 to 65535, received {low} to {high}")
    scaled = (grey.astype(np.uint32) * 255 + 32767) // 65535
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")

"""Random brightness, contrast, saturation and hue."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance

from .resize import Pixels

_ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def color_jitter(image: Pixels, random: np.random.Generator, strengths: Sequence[float]) -> Pixels:
    """Return an image with random changes of its colours in random order, as in torchvision.

    Args:
        image: [height, width, 3].
        random: generator of the image.
        strengths: of brightness, contrast, saturation and, if there is a fourth, hue. A factor is
            drawn from 1 - strength (at least 0) to 1 + strength; hue is turned by up to that share
            of a full circle, 0 to 0.5.
    """
    hue = strengths[3] if len(strengths) > 3 else 0.0
    factors = [random.uniform(max(0.0, 1 - s), 1 + s) for s in strengths[:3]]
    turn = random.uniform(-hue, hue)
    pixels = Image.fromarray(image)
    for change in random.permutation(4):
        if change == 3:
            pixels = turn_hue(pixels, turn) if hue else pixels
        elif strengths[change]:
            pixels = _ENHANCERS[change](pixels).enhance(factors[change])
    return np.asarray(pixels)


def turn_hue(image: Image.Image, turn: float) -> Image.Image:
    """Return an image whose hue is turned by a share of a full circle, -0.5 to 0.5."""
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.uint8(int(turn * 255) % 256)  # wraps around
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")

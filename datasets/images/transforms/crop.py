"""Random resized crops and flips."""

import math

import numpy as np

from ..decode import EncodedImage
from .resize import Box, Pixels, resize

_ATTEMPTS = 10


def random_resized_crop(
    image: EncodedImage | Pixels,
    random: np.random.Generator,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    interpolation: str = "bilinear",
) -> Pixels:
    """Return a random part of an image, resized to a square: the crop of Inception.

    Args:
        image: opened or decoded. Of one that is only opened, a JPEG is decoded at a fraction of its
            size where the crop is much larger than the result.
        random: generator of the image.
        size: side of the result.
        scale: range of the share of the image's area.
        ratio: range of width divided by height.
        interpolation: a key of `INTERPOLATIONS`.

    Raises:
        ImageError: the image is truncated or corrupt.
    """
    if isinstance(image, EncodedImage):
        box = random_box(image.height, image.width, random, scale, ratio)
        return image.resized_crop(box, (size, size), interpolation)
    height, width = image.shape[:2]
    box = random_box(height, width, random, scale, ratio)
    return resize(image, (size, size), interpolation, box)


def random_box(
    height: int,
    width: int,
    random: np.random.Generator,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Box:
    """Return a random box with a share of the area and a ratio in these ranges.

    As in torchvision, the ratio is drawn on a logarithmic scale, and after ten boxes that do not
    fit the one in the middle with the nearest possible ratio is taken.
    """
    for _ in range(_ATTEMPTS):
        area = height * width * random.uniform(*scale)
        aspect = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = int(random.integers(height - h + 1))
            left = int(random.integers(width - w + 1))
            return left, top, left + w, top + h
    aspect = min(max(width / height, ratio[0]), ratio[1])
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def random_flip(
    image: Pixels, random: np.random.Generator, hflip: float = 0.5, vflip: float = 0.0
) -> Pixels:
    """Return an image that is mirrored with these probabilities, as a view.

    Args:
        image: [height, width, 3].
        random: generator of the image; two numbers are drawn, whatever the probabilities are.
        hflip: probability that left and right change places.
        vflip: probability that top and bottom do.
    """
    horizontal, vertical = random.random(2)
    if horizontal < hflip:
        image = image[:, ::-1]
    return image[::-1] if vertical < vflip else image

"""Random erasing: a random rectangle of a normalised image is set to its mean, which is 0.

https://arxiv.org/abs/1708.04896
"""

import math

import numpy as np
from numpy.typing import NDArray

_ATTEMPTS = 10


def random_erasing(
    image: NDArray[np.float32],
    random: np.random.Generator,
    probability: float,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
) -> None:
    """Erase a rectangle of an image in place, or nothing.

    Args:
        image: [3, height, width], normalised.
        random: generator of the image.
        probability: that a rectangle is erased; if ten of them do not fit, nothing is.
        scale: range of the share of the image's area.
        ratio: range of height divided by width, drawn on a logarithmic scale.
    """
    if random.random() >= probability:
        return
    height, width = image.shape[1:]
    for _ in range(_ATTEMPTS):
        area = height * width * random.uniform(*scale)
        aspect = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if h < height and w < width:
            top, left = random.integers(height - h + 1), random.integers(width - w + 1)
            image[:, top : top + h, left : left + w] = 0
            return

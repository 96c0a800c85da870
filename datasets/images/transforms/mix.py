"""Mixup and cutmix: images of a batch are mixed in pairs, and their labels with them.

Mixup: https://arxiv.org/abs/1710.09412. Cutmix: https://arxiv.org/abs/1905.04899.

Neighbours in the batch are the pairs. As the order of an epoch is random, so are they; and a rank
that reads an even part of a batch has both images of each pair.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Mix:
    """Mixes the images and labels of each batch by mixup or cutmix.

    Attributes:
        mixup: alpha of the Beta distribution from which mixup's share comes; 0 is no mixup.
        cutmix: alpha of cutmix's share; 0 is no cutmix.
        cutmix_prob: probability of cutmix where both are set.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    cutmix_prob: float = 0.5

    def __call__(self, images: Array, labels: Array, random: np.random.Generator) -> float:
        """Mix a batch in place, and return the share that each image keeps.

        An image at the end without a neighbour stays as it is.

        Args:
            images: [B, channels, height, width].
            labels: [B, num_classes].
            random: generator of the batch: all pairs have the same share and the same rectangle, as
                in the papers, and all ranks draw the same.
        """
        cut = (
            random.random() < self.cutmix_prob if self.mixup and self.cutmix else bool(self.cutmix)
        )
        alpha = self.cutmix if cut else self.mixup
        if not alpha:
            return 1.0
        share = float(random.beta(alpha, alpha))
        share = cut_pairs(images, share, random) if cut else mix_pairs(images, share)
        return mix_pairs(labels, share)


def mix_pairs(values: Array, share: float) -> float:
    """Replace each value by `share` of it and the rest of its neighbour's, in place."""
    pairs = len(values) // 2 * 2
    first, second = values[0:pairs:2], values[1:pairs:2]
    difference = (second - first) * np.float32(1 - share)
    first += difference
    second -= difference
    return share


def cut_pairs(images: Array, share: float, random: np.random.Generator) -> float:
    """Exchange a rectangle between neighbours, in place.

    Its sides are sqrt(1 - share) of the image's. Its centre is anywhere, and what lies outside the
    image is cut off.

    Returns:
        The share of pixels that an image keeps.
    """
    height, width = images.shape[2:]
    side = math.sqrt(1 - share)
    rows = _span(height, side, random)
    columns = _span(width, side, random)
    pairs = len(images) // 2 * 2
    first, second = images[0:pairs:2, :, rows, columns], images[1:pairs:2, :, rows, columns]
    kept = first.copy()
    first[:] = second
    second[:] = kept
    return 1 - kept[:1, 0].size / (height * width) if pairs else 1.0


def _span(length: int, share: float, random: np.random.Generator) -> slice:
    size = int(length * share)
    start = int(random.integers(length)) - size // 2
    return slice(max(0, start), min(length, start + size))

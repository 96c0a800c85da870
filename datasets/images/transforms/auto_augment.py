"""AutoAugment's ImageNet policy, TrivialAugment and AugMix, as torchvision has them.

AutoAugment: https://arxiv.org/abs/1805.09501. TrivialAugment, wide: https://arxiv.org/abs/2103.10158.
AugMix: https://arxiv.org/abs/1912.02781.
"""

import numpy as np
from PIL import Image

from .magnitudes import MagnitudeTable
from .resize import Pixels

_POLICY_LEVELS = 9  # the levels of the policy below, from 0
_POLICY = (
    (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
    (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Equalize", 0.4, 0), ("Rotate", 0.8, 8)),
    (("Solarize", 0.6, 3), ("Equalize", 0.6, 0)),
    (("Posterize", 0.8, 5), ("Equalize", 1.0, 0)),
    (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
    (("Equalize", 0.6, 0), ("Posterize", 0.4, 6)),
    (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
    (("Rotate", 0.4, 9), ("Equalize", 0.6, 0)),
    (("Equalize", 0.0, 0), ("Equalize", 0.8, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
    (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
    (("Sharpness", 0.4, 7), ("Invert", 0.6, 0)),
    (("ShearX", 0.6, 5), ("Equalize", 1.0, 0)),
    (("Color", 0.4, 0), ("Equalize", 0.6, 0)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
)
"""Pairs of (operation, probability, level), one of which is drawn for each image."""

_WIDE = MagnitudeTable(0.99, 32, 32, 135, 0.99, 8, 6)
_WIDE_LEVELS = 30
_GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")
_OTHERS = ("Posterize", "Solarize", "AutoContrast", "Equalize")
_WIDE_NAMES = ("Identity", *_GEOMETRIC, *_COLOURS, *_OTHERS)

_CHAINS, _LONGEST_CHAIN, _SEVERITY, _MIX_LEVELS = 3, 3, 3, 9
_MIX_NAMES = (*_GEOMETRIC, *_OTHERS, *_COLOURS)


def auto_augment(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return an image after a pair of operations of the ImageNet policy."""
    height, width = image.shape[:2]
    share = 150 / 331  # of the side, as for the images on which the policy was found
    table = MagnitudeTable(0.3, share * width, share * height, 30, 0.9, 8, 4)
    pixels = Image.fromarray(image)
    for name, probability, level in _POLICY[random.integers(len(_POLICY))]:
        if random.random() < probability:
            pixels = table.apply(pixels, name, level / _POLICY_LEVELS, random)
    return np.asarray(pixels)


def trivial_augment_wide(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return an image after one operation of any strength."""
    name = _WIDE_NAMES[random.integers(len(_WIDE_NAMES))]
    level = random.integers(_WIDE_LEVELS + 1) / _WIDE_LEVELS
    return np.asarray(_WIDE.apply(Image.fromarray(image), name, level, random))


def aug_mix(image: Pixels, random: np.random.Generator) -> Pixels:
    """Return a mixture of an image and three chains of one to three weak operations.

    Shares are drawn from uniform Beta and Dirichlet distributions.
    """
    height, width = image.shape[:2]
    table = MagnitudeTable(0.3, width / 3, height / 3, 30, 0.9, 4, 4)
    augmented_share = random.beta(1, 1)
    mixture = (1 - augmented_share) * image.astype(np.float32)
    for share in random.dirichlet([1] * _CHAINS):
        pixels = Image.fromarray(image)
        for _ in range(random.integers(1, _LONGEST_CHAIN + 1)):
            name = _MIX_NAMES[random.integers(len(_MIX_NAMES))]
            pixels = table.apply(pixels, name, random.integers(_SEVERITY) / _MIX_LEVELS, random)
        mixture += np.float32(augmented_share * share) * np.asarray(pixels)
    return np.rint(mixture).astype(np.uint8)

"""Magnitudes of the operations in the tables of AutoAugment, TrivialAugment and AugMix."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .operations import OPERATIONS

_ENHANCED = ("Brightness", "Color", "Contrast", "Sharpness")
_SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", *_ENHANCED)


@dataclass(frozen=True)
class MagnitudeTable:
    """How strong each operation is at a level from 0 to 1.

    Attributes:
        shear: slope at level 1.
        translate_x: pixels at level 1.
        translate_y: likewise.
        rotate: degrees at level 1.
        enhance: change of a factor at level 1.
        bits: that stay at level 0.
        bits_less: at level 1.
    """

    shear: float
    translate_x: float
    translate_y: float
    rotate: float
    enhance: float
    bits: int
    bits_less: int

    def magnitude(self, name: str, level: float) -> float:
        """Return the magnitude of an operation, without a sign."""
        ends = {
            "ShearX": self.shear,
            "ShearY": self.shear,
            "TranslateX": self.translate_x,
            "TranslateY": self.translate_y,
            "Rotate": self.rotate,
            **dict.fromkeys(_ENHANCED, self.enhance),
        }
        if name == "Posterize":
            return self.bits - round(level * self.bits_less)
        if name == "Solarize":
            return 255 * (1 - level)
        return level * ends.get(name, 0.0)

    def apply(
        self, image: Image.Image, name: str, level: float, random: np.random.Generator
    ) -> Image.Image:
        """Return an image after an operation, whose direction is drawn where it has two."""
        magnitude = self.magnitude(name, level)
        if name in _SIGNED and random.integers(2):
            magnitude = -magnitude
        return OPERATIONS[name](image, magnitude)

"""RandAugment with timm's and MindCV's settings, such as `randaug-m9-n2`.

https://arxiv.org/abs/1909.13719
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import DataError
from .operations import OPERATIONS
from .resize import Pixels

_PROBABILITY = 0.5  # of each operation that is drawn
_NAMES = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "Rotate",
    "Posterize",
    "Solarize",
    "SolarizeAdd",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
)
_FORM = re.compile(r"randaug(-m[0-9]+|-n[0-9]+|-mstd[0-9.]+|-inc[01])*")


@dataclass(frozen=True)
class RandAugment:
    """Applies random operations of about the same level.

    Attributes:
        magnitude: level of the operations, 0 to 10.
        operations: number that is drawn; each is then applied with a probability of 0.5.
        magnitude_std: standard deviation of the level, which is cut to 0 to 10; above 100 the level
            is drawn from 0 to `magnitude` uniformly.
        increasing: whether every operation changes more at a higher level. If not, posterize and
            solarize change less, as in the first implementation for TensorFlow.
    """

    magnitude: int = 10
    operations: int = 2
    magnitude_std: float = 0.5
    increasing: bool = False

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """Return an image after the operations."""
        pixels = Image.fromarray(image)
        for place in random.integers(len(_NAMES), size=self.operations):
            name = _NAMES[place]
            if random.random() < _PROBABILITY:
                level = self._level(random) / 10
                magnitude = self._magnitude(name, level, pixels.size, random)
                pixels = OPERATIONS[name](pixels, magnitude)
        return np.asarray(pixels)

    def _level(self, random: np.random.Generator) -> float:
        if self.magnitude_std > 100:
            return random.uniform(0, min(10, self.magnitude))
        return min(10.0, max(0.0, random.normal(self.magnitude, self.magnitude_std)))

    def _magnitude(
        self, name: str, level: float, size: tuple[int, int], random: np.random.Generator
    ) -> float:
        sign = 1 if random.integers(2) else -1
        if name in {"Color", "Contrast", "Brightness", "Sharpness"}:
            return max(-0.9, sign * level * 0.9) if self.increasing else level * 1.8 - 0.9
        if name == "Posterize":
            bits = int(level * 4)
            return max(
                1, 4 - bits if self.increasing else bits
            )  # 0 is black, or an error in Pillow
        if name == "Solarize":
            threshold = min(256, int(level * 256))
            return 256 - threshold if self.increasing else threshold
        if name == "SolarizeAdd":
            return min(128, int(level * 110))
        sides = {"TranslateX": 0.45 * size[0], "TranslateY": 0.45 * size[1], "Rotate": 30.0}
        return float(sign * level * sides.get(name, 0.3))


def parse_rand_augment(text: str) -> RandAugment:
    """Return RandAugment as `randaug-m9-n2-mstd0.5-inc1` sets it; parts may be missing.

    Raises:
        DataError: the text has another form.
    """
    if not _FORM.fullmatch(text):
        raise DataError(
            "auto_augment: expected randaug with parts such as -m9 (magnitude), -n2 (operations), "
            f"-mstd0.5 (its standard deviation) and -inc1, received '{text}'"
        )
    parts = dict(re.findall(r"-([a-z]+)([0-9.]+)", text))
    magnitude = int(parts.get("m", 10))
    deviation = float(parts.get("mstd", 0.5))
    if magnitude > 10:
        raise DataError(f"auto_augment: expected a magnitude of 0 to 10, received '{text}'")
    deviation = math.inf if deviation > 100 else deviation
    return RandAugment(magnitude, int(parts.get("n", 2)), deviation, parts.get("inc") == "1")

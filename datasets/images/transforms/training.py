"""Prepares images for training: random crop, flips, augmentation, normalisation, erasing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..decode import EncodedImage
from ..errors import DataError
from .auto_augment import aug_mix, auto_augment, trivial_augment_wide
from .color_jitter import color_jitter
from .crop import random_flip, random_resized_crop
from .erasing import random_erasing
from .evaluation import EvaluationTransform
from .normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from .rand_augment import parse_rand_augment
from .resize import Pixels

Augmentation = Callable[[Pixels, np.random.Generator], Pixels]

_AUGMENTATIONS: dict[str, Augmentation] = {
    "autoaug": auto_augment,
    "trivialaugwide": trivial_augment_wide,
    "augmix": aug_mix,
}


def parse_auto_augment(text: str) -> Augmentation:
    """Return the automatic augmentation of a name.

    Raises:
        DataError: there is no such augmentation.
    """
    if text.startswith("randaug"):
        return parse_rand_augment(text)
    if text not in _AUGMENTATIONS:
        names = ", ".join(["randaug-m9-n2", *_AUGMENTATIONS])
        raise DataError(f"auto_augment: expected {names}, received '{text}'")
    return _AUGMENTATIONS[text]


@dataclass(frozen=True)
class TrainingTransform:
    """The random preparation of an image, with MindCV's settings.

    Attributes:
        image_size: side of the square result, in pixels.
        scale: range of the share of the image's area that is cropped; `None` resizes the image and
            crops its centre, as for evaluation.
        ratio: range of the crop's width divided by its height.
        interpolation: of the resize, a key of `resize.INTERPOLATIONS`.
        hflip: probability that left and right change places.
        vflip: probability that top and bottom do.
        color_jitter: strengths of brightness, contrast, saturation and hue; `None` is none. It is
            not used with `auto_augment`, as in timm and MindCV.
        auto_augment: a text for `parse_auto_augment`; `None` is none.
        re_prob: probability of random erasing.
        mean: of each channel, on a scale from 0 to 1.
        std: standard deviation of each channel, likewise.
        crop_pct: of the resize where `scale` is `None`, see `EvaluationTransform`.
    """

    image_size: int = 224
    scale: tuple[float, float] | None = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    hflip: float = 0.5
    vflip: float = 0.0
    color_jitter: Sequence[float] | None = None
    auto_augment: str | None = None
    re_prob: float = 0.0
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    crop_pct: float = 0.875
    augment: Augmentation | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        augment = parse_auto_augment(self.auto_augment) if self.auto_augment else None
        object.__setattr__(self, "augment", augment)

    def pixels(self, image: EncodedImage | Pixels, random: np.random.Generator) -> Pixels:
        """Return the pixels [image_size, image_size, 3] before they are normalised.

        Raises:
            ImageError: the image is truncated or corrupt.
        """
        pixels = random_flip(self._crop(image, random), random, self.hflip, self.vflip)
        if self.augment:
            return self.augment(pixels, random)
        return color_jitter(pixels, random, self.color_jitter) if self.color_jitter else pixels

    @property
    def is_random(self) -> bool:
        """Whether anything in the preparation is random."""
        flips = self.hflip or self.vflip or self.re_prob
        return bool(self.scale or flips or self.augment or self.color_jitter)

    def _crop(self, image: EncodedImage | Pixels, random: np.random.Generator) -> Pixels:
        size, interpolation = self.image_size, self.interpolation
        if self.scale is None:
            return EvaluationTransform(size, self.crop_pct, interpolation).pixels(image)
        return random_resized_crop(image, random, size, self.scale, self.ratio, interpolation)

    def __call__(
        self,
        image: EncodedImage | Pixels,
        random: np.random.Generator,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the prepared image [3, image_size, image_size].

        Args:
            image: opened or decoded.
            random: generator of the image.
            out: where to put the result; `None` makes a new array.

        Raises:
            ImageError: the image is truncated or corrupt.
        """
        result = normalise(self.pixels(image, random), self.mean, self.std, out)
        random_erasing(result, random, self.re_prob)
        return result

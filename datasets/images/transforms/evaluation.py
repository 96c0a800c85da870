"""Prepares images for evaluation as torchvision and timm do: resize, crop the centre, normalise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..decode import EncodedImage
from .normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from .resize import Pixels, centre_crop, resize_shorter_side


@dataclass(frozen=True)
class EvaluationTransform:
    """The preparation of an image for validation, test and prediction; nothing in it is random.

    Attributes:
        image_size: side of the square result, in pixels.
        crop_pct: `image_size` as a share of the shorter side after the resize; above 0, at most 1.
        interpolation: of the resize, a key of `resize.INTERPOLATIONS`.
        mean: of each channel, on a scale from 0 to 1.
        std: standard deviation of each channel, likewise.
    """

    image_size: int = 224
    crop_pct: float = 0.875
    interpolation: str = "bilinear"
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD

    @property
    def resized_side(self) -> int:
        """Side to which the shorter side is resized, rounded down as timm does: 256 for 224."""
        return int(self.image_size / self.crop_pct)

    def pixels(self, image: EncodedImage | Pixels) -> Pixels:
        """Return the pixels [image_size, image_size, 3] before they are normalised.

        Raises:
            ImageError: the image is truncated or corrupt.
        """
        pixels = image.decode() if isinstance(image, EncodedImage) else image
        resized = resize_shorter_side(pixels, self.resized_side, self.interpolation)
        return centre_crop(resized, self.image_size)

    def __call__(
        self,
        image: EncodedImage | Pixels,
        random: np.random.Generator | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the prepared image [3, image_size, image_size].

        Args:
            image: opened or decoded.
            random: not used; transforms for training draw from it.
            out: where to put the result; `None` makes a new array.

        Raises:
            ImageError: the image is truncated or corrupt.
        """
        return normalise(self.pixels(image), self.mean, self.std, out)

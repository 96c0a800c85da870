"""The preparation of images for training and evaluation, with all of its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..decode import EncodedImage
from ..errors import DataError
from ..rgb import to_rgb
from ..scan import find_images
from .evaluation import EvaluationTransform
from .mix import Mix
from .normalise import IMAGENET_MEAN, IMAGENET_STD, denormalise
from .resize import Pixels
from .settings import check_settings
from .training import TrainingTransform


@dataclass(frozen=True)
class ImageTransform:
    """Prepares images for training and for evaluation, and mixes those of a batch.

    Attributes:
        training: for training.
        evaluation: for validation, test and prediction.
        mixer: mixup and cutmix.
    """

    training: TrainingTransform
    evaluation: EvaluationTransform
    mixer: Mix
    dtype: Any = np.float32

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a prepared image."""
        return 3, self.evaluation.image_size, self.evaluation.image_size

    @property
    def mixes(self) -> bool:
        """Whether images of a batch are mixed."""
        return bool(self.mixer.mixup or self.mixer.cutmix)

    @property
    def augments(self) -> bool:
        """Whether training images are prepared at random."""
        return self.mixes or self.training.is_random

    def train(self, image: Any, random: np.random.Generator, out: NDArray[Any]) -> None:
        """Write the image, prepared for training, into an array; see `as_image` for its kinds."""
        self.training(as_image(image), random, out)

    def evaluate(self, image: Any, out: NDArray[Any]) -> None:
        """Write the image, prepared for evaluation, into an array."""
        self.evaluation(as_image(image), None, out)

    def pixels(self, prepared: NDArray[np.float32]) -> Pixels:
        """Return the pixels [height, width, 3] of a prepared image, to look at."""
        return denormalise(prepared, self.evaluation.mean, self.evaluation.std)

    def find_files(self, folder: Path) -> tuple[list[Path], dict[str, int]]:
        """Return the images under a folder, and how many other entries it has, by their kind."""
        return find_images(folder)

    def mix(
        self, images: NDArray[Any], labels: NDArray[np.float32], random: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Mix the images of a batch, and their labels [B, classes], in place; return both."""
        self.mixer(images, labels, random)
        return images, labels


def as_image(value: Any) -> EncodedImage | Pixels:
    """Return an image as one that is opened, or as pixels [height, width, 3].

    Args:
        value: an opened image, the path of a file, an image of Pillow, or an array of 0 to 255:
            [height, width], or with 1 or 3 channels at the end.

    Raises:
        DataError: it is none of these.
        ImageError: the file cannot be read.
    """
    if isinstance(value, EncodedImage):
        return value
    if isinstance(value, str | Path):
        return EncodedImage(Path(value))
    if isinstance(value, Image.Image):
        return np.asarray(to_rgb(value))
    array = np.asarray(value)
    grey = array[..., None] if array.ndim == 2 else array
    if array.dtype != np.uint8 or grey.ndim != 3 or grey.shape[2] not in (1, 3):
        received = f"{type(value).__name__} of {array.dtype} {array.shape}"
        raise DataError(
            "transform: expected an image [height, width, 3] of whole numbers from 0 to 255 "
            f"(uint8), received {received}"
        )
    return grey if grey.shape[2] == 3 else np.repeat(grey, 3, axis=2)


_SAME_IN_TRAINING = ("interpolation", "hflip", "vflip", "auto_augment", "re_prob", "mean", "std")


def image_transform(
    image_resize: int = 224,
    crop_pct: float = 0.875,
    interpolation: str = "bilinear",
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    scale: Sequence[float] | None = (0.08, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
    hflip: float = 0.5,
    vflip: float = 0.0,
    color_jitter: float | Sequence[float] | None = None,
    auto_augment: str | None = None,
    re_prob: float = 0.0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    cutmix_prob: float = 0.5,
) -> ImageTransform:
    """Return the preparation of images; `conf/transform` explains each setting.

    Raises:
        DataError: a setting is out of its range.
    """
    settings = locals()
    check_settings(settings)
    return _build(settings)


def _build(settings: Mapping[str, Any]) -> ImageTransform:
    names = "image_resize", "crop_pct", "interpolation", "mean", "std"
    size, crop_pct, *_ = common = [settings[name] for name in names]
    scale, jitter = settings["scale"], settings["color_jitter"]
    training = TrainingTransform(
        size,
        None if scale is None else tuple(scale),
        tuple(settings["ratio"]),
        color_jitter=[jitter] * 3 if isinstance(jitter, int | float) else jitter,
        crop_pct=crop_pct,
        **{name: settings[name] for name in _SAME_IN_TRAINING},
    )
    mix = Mix(settings["mixup"], settings["cutmix"], settings["cutmix_prob"])
    return ImageTransform(training, EvaluationTransform(*common), mix)

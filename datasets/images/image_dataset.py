"""A map-style dataset of image files, whose decoded images may be cached."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .cache import ImageCache, cache_key
from .decode import EncodedImage
from .errors import DataError
from .image_list import ImageList
from .transforms.resize import Pixels, resampling, resize_shorter_side


@dataclass(frozen=True)
class CachedSize:
    """The size at which decoded images are stored.

    Attributes:
        side: shorter side in pixels; smaller images are not enlarged. `None` stores images as they
            are.
        interpolation: of the resize. With side and interpolation of the evaluation, images from the
            cache are prepared to the same bits.
    """

    side: int | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        resampling(self.interpolation)
        if self.side is not None and (type(self.side) is not int or self.side < 1):
            raise DataError(f"cache_side: expected 1 or more, or null, received {self.side!r}")

    def pixels(self, image: EncodedImage) -> Pixels:
        """Return what is stored of an image."""
        pixels = image.decode()
        if self.side is None or min(image.height, image.width) <= self.side:
            return pixels
        return resize_shorter_side(pixels, self.side, self.interpolation)


@dataclass(frozen=True)
class ImageDataset:
    """Images and labels by their index.

    Attributes:
        images: the files and their labels.
        cache: where decoded images are stored; `None` decodes in each epoch.
        cached_size: at which they are stored.
    """

    images: ImageList
    cache: ImageCache | None = None
    cached_size: CachedSize = field(default_factory=CachedSize)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for numbers."""
        return self.images.class_names

    @property
    def labels(self) -> NDArray[Any]:
        """All labels, see `ImageList`."""
        return self.images.labels

    @property
    def files(self) -> tuple[str, ...]:
        """Paths relative to `root`."""
        return self.images.files

    @property
    def ignored(self) -> Mapping[str, int]:
        """Number of entries of the folder that are no images, by their kind."""
        return self.images.ignored

    @property
    def root(self) -> Path:
        """The folder of the files."""
        return self.images.root

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[EncodedImage | Pixels, Any]:
        """Return the image and the label of an index; the image is opened, or comes decoded.

        Raises:
            ImageError: the file cannot be read, or is decoded for the cache and is corrupt.
        """
        path, label = self.images.path(index), self.labels[index]
        if self.cache is None:
            return EncodedImage(path), label
        size = self.cached_size
        key = cache_key(path, f"shorter side {size.side}, {size.interpolation}")
        return self.cache.get(key, lambda: size.pixels(EncodedImage(path))), label

    def fingerprint(self) -> str:
        """Return a hash of names and labels of all files."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(
            "\n".join([*self.classes, "", *self.files]).encode("utf-8", "surrogateescape")
        )
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

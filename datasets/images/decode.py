"""Decodes image files to upright RGB pixels: JPEG, PNG, BMP, TIFF, WebP and GIF."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,  # noqa: F401  phones write it, and the plugin of JPEG opens it
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from .errors import ImageError
from .jpeg import REDUCTIONS, decode_jpeg, read_sides
from .rgb import to_rgb
from .transforms.resize import Box, Pixels, resize

# Imported above, so that the first image does not load all plugins that Pillow has.
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
    )
)
"""Pillow's names of the formats that are read, whatever a file's ending says."""

_ORIENTATION = 0x0112  # the EXIF tag
# Orientations whose width and height change places; after that, rows or columns may be reversed.
_SWAPPED = (5, 6, 7, 8)
_UPSIDE_DOWN = (3, 4, 7, 8)
_RIGHT_TO_LEFT = (2, 3, 6, 7)


class EncodedImage:
    """An image that is opened but not decoded yet, so that a part can be decoded faster.

    Attributes:
        height: of the upright image, in pixels.
        width: likewise.
    """

    def __init__(self, source: Path | bytes) -> None:
        """Open a file or the content of one.

        Raises:
            ImageError: the file cannot be read, or is in none of `FORMATS`.
        """
        self._path = source if isinstance(source, Path) else None
        with _name_source(self._path):
            self._content = source.read_bytes() if isinstance(source, Path) else source
            self._image, self._sides, self._orientation = _open(self._content)
        swaps = self._orientation in _SWAPPED
        self.height, self.width = self._sides[::-1] if swaps else self._sides

    def decode(self) -> Pixels:
        """Return all pixels [height, width, 3].

        Raises:
            ImageError: the file is truncated or corrupt.
        """
        return np.ascontiguousarray(self._decode(1))

    def resized_crop(self, box: Box, size: tuple[int, int], interpolation: str) -> Pixels:
        """Return a box of the image at another size.

        A JPEG is decoded at the smallest of 1/8, 1/4, 1/2 and 1 of its size at which the box is not
        smaller than `size`. That changes a pixel by less than 1 of 255 in the mean, and by up to 13
        at sharp edges.

        Args:
            box: in pixels of the upright image.
            size: height and width of the result.
            interpolation: a key of `transforms.resize.INTERPOLATIONS`.

        Raises:
            ImageError: the file is truncated or corrupt.
        """
        ratio = min((box[3] - box[1]) / size[0], (box[2] - box[0]) / size[1])
        reduction = 1 if self._image is not None else next((r for r in REDUCTIONS if r <= ratio), 1)
        pixels = self._decode(reduction)
        return resize(pixels, size, interpolation, self._reduced(box, pixels, reduction))

    def _reduced(self, box: Box, pixels: Pixels, reduction: int) -> Box:
        """Return a box in a reduced image, whose last pixel may be cut off and come first."""
        x, y = (
            length - full / reduction if flipped else 0.0
            for length, full, flipped in zip(
                pixels.shape[1::-1],
                (self.width, self.height),
                (self._orientation in _RIGHT_TO_LEFT, self._orientation in _UPSIDE_DOWN),
                strict=True,
            )
        )
        left, top, right, bottom = (edge / reduction for edge in box)
        return left + x, top + y, right + x, bottom + y

    def _decode(self, reduction: int) -> Pixels:
        with _name_source(self._path):
            if self._image is not None:
                pixels = np.asarray(to_rgb(self._image))
            else:
                pixels = decode_jpeg(self._content, *self._sides, reduction)
        return _turn(pixels, self._orientation)


def decode(source: Path | bytes) -> Pixels:
    """Return the upright pixels of an image [height, width, 3].

    Transparent pixels are put on white, the first frame of an animation is taken, 16-bit grey is
    scaled to 8 bits, and the orientation in EXIF is obeyed.

    Args:
        source: a file, or the content of one.

    Raises:
        ImageError: the file cannot be read, is in none of `FORMATS`, or is truncated or corrupt.
    """
    return EncodedImage(source).decode()


@contextmanager
def _name_source(path: Path | None) -> Iterator[None]:
    """Turn any error into an `ImageError`: on corrupt files Pillow's decoders raise many kinds."""
    try:
        yield
    except MemoryError:
        raise
    except FileNotFoundError:
        raise ImageError(path, "expected a file, received none") from None
    except UnidentifiedImageError:
        formats = ", ".join(FORMATS)
        raise ImageError(path, f"expected an image ({formats}), received other content") from None
    except Exception as error:
        raise ImageError(path, f"expected a complete image, received: {error}") from error


def _open(content: bytes) -> tuple[Image.Image | None, tuple[int, int], int]:
    """Return Pillow's image, the stored height and width, and the EXIF orientation of a file.

    There is no image of Pillow of a JPEG that `decode_jpeg` decodes.
    """
    if sides := read_sides(content):
        return None, sides, 1
    image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    if not is_jpeg:
        image.load()  # Pillow turns a TIFF itself, here
    decodes_jpeg = is_jpeg and image.mode in {"L", "RGB"}  # not CMYK
    return None if decodes_jpeg else image, image.size[::-1], _orientation(image)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, upright, if there is none or it cannot be read."""
    if "exif" not in image.info and image.format == "JPEG":
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF data, which says nothing about the pixels
        return 1


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels as a view that is upright."""
    if orientation in _SWAPPED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in _UPSIDE_DOWN:
        pixels = pixels[::-1]
    if orientation in _RIGHT_TO_LEFT:
        pixels = pixels[:, ::-1]
    return pixels

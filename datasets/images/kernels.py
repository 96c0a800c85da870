"""Calls the compiled kernels of this package, which resize and normalise images.

They return the bits of Pillow and NumPy in a third of the time, so nothing depends on whether they
were built. ctypes releases Python's lock while they compute.
"""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_NAME = "_kernels"
_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_FLOATS = ctypes.c_float * 3


def are_available() -> bool:
    """Return whether the kernels were built, and run on this processor."""
    return _library() is not None


def can_resize(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    resampling: Image.Resampling,
    box: tuple[float, float, float, float],
) -> bool:
    """Return whether `resize` has Pillow's bits for these arguments.

    From version 13 on, Pillow resizes an image that becomes much lower than narrower along its
    columns first, which rounds differently. It also raises where the box is outside the image.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box
    lower, narrower = height - size[0], width - size[1]
    return (
        resampling in _FILTERS
        and not lower > max(0, 2 * narrower)
        and 0 <= left < right <= width
        and 0 <= top < bottom <= height
        and min(size) > 0
        and are_available()
    )


def resize(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    resampling: Image.Resampling,
    box: tuple[float, float, float, float],
) -> NDArray[np.uint8]:
    """Return a box of an image at another size, with smoothing.

    Args:
        image: [height, width, 3].
        size: height and width of the result.
        resampling: Pillow's filter.
        box: left, top, right and bottom edge in pixels.

    Raises:
        MemoryError: there is not enough memory.
    """
    if image.strides[1:] != (3, 1):
        image = np.ascontiguousarray(image)
    out = np.empty((*size, 3), np.uint8)
    edges = (ctypes.c_float * 4)(*box)
    if not _loaded().images_resize(*_image(image), edges, resampling, out.ctypes.data, *size):
        raise MemoryError
    return out


def can_normalise(image: NDArray[np.uint8], out: NDArray[Any]) -> bool:
    """Return whether `normalise` reads such an image and writes such an array."""
    return (
        image.strides[1:] in {(3, 1), (-3, 1)}
        and out.dtype == np.float32
        and out.flags.c_contiguous
        and are_available()
    )


def normalise(
    image: NDArray[np.uint8],
    scale: tuple[float, ...],
    shift: tuple[float, ...],
    out: NDArray[np.float32],
) -> None:
    """Write image * scale - shift, of which each is a value per channel, in float32.

    Args:
        image: [height, width, 3]; its rows and columns may be in reverse order.
        scale: of each channel.
        shift: of each channel.
        out: [3, height, width].
    """
    mirrored = image.strides[1] < 0
    pixels = _image(image[:, ::-1] if mirrored else image)
    _loaded().images_normalise(*pixels, mirrored, _FLOATS(*scale), _FLOATS(*shift), out.ctypes.data)


def _image(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    return image.ctypes.data, *image.shape[:2], image.strides[0]


def _loaded() -> ctypes.CDLL:
    library = _library()
    assert library is not None, "expected a call of can_resize or can_normalise before"
    return library


@cache
def _library() -> ctypes.CDLL | None:
    paths = (Path(__file__).with_name(_NAME + suffix) for suffix in EXTENSION_SUFFIXES)
    path = next((path for path in paths if path.is_file()), None)
    return _load(path) if path else None


def _load(path: Path) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # it was built for another system
        return None
    address, integer, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
    image = (address, integer, integer, long)
    library.images_resize.argtypes = (*image, address, integer, address, integer, integer)
    library.images_normalise.argtypes = (*image, integer, address, address, address)
    library.images_normalise.restype = None
    return library if library.images_supported() else None

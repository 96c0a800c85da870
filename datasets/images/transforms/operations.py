"""The operations that the policies of automatic augmentation choose from.

With equal arguments they return what torchvision's return for Pillow's images.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image, ImageEnhance, ImageOps

FILL = (128, 128, 128)
"""Colour of what comes into the image from outside."""

Operation = Callable[[Image.Image, float], Image.Image]
"""Changes an image by a magnitude."""

_SOLARIZE_ADD_BELOW = 128


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    """Transform an image; `matrix` leads from a pixel of the result to one of the image."""
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=FILL
    )


def _shear_x(image: Image.Image, slope: float) -> Image.Image:
    return _affine(image, (1, slope, 0, 0, 1, 0))


def _shear_y(image: Image.Image, slope: float) -> Image.Image:
    return _affine(image, (1, 0, 0, slope, 1, 0))


def _translate_x(image: Image.Image, pixels: float) -> Image.Image:
    return _affine(image, (1, 0, -int(pixels), 0, 1, 0))


def _translate_y(image: Image.Image, pixels: float) -> Image.Image:
    return _affine(image, (1, 0, 0, 0, 1, -int(pixels)))


def _rotate(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=FILL)


def _enhance(enhancer: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    return lambda image, change: enhancer(image).enhance(1 + change)


def _posterize(image: Image.Image, bits: float) -> Image.Image:
    return image if bits >= 8 else ImageOps.posterize(image, int(bits))


def _solarize(image: Image.Image, threshold: float) -> Image.Image:
    return ImageOps.solarize(image, threshold)  # type: ignore[arg-type]  # any number will do


def _solarize_add(image: Image.Image, addend: float) -> Image.Image:
    """Add to the values below 128, up to 255."""
    table = [min(255, v + int(addend)) if v < _SOLARIZE_ADD_BELOW else v for v in range(256)]
    return image.point(table * 3)


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "Identity": lambda image, _: image,
        "ShearX": _shear_x,
        "ShearY": _shear_y,
        "TranslateX": _translate_x,
        "TranslateY": _translate_y,
        "Rotate": _rotate,
        "Brightness": _enhance(ImageEnhance.Brightness),
        "Color": _enhance(ImageEnhance.Color),
        "Contrast": _enhance(ImageEnhance.Contrast),
        "Sharpness": _enhance(ImageEnhance.Sharpness),
        "Posterize": _posterize,
        "Solarize": _solarize,
        "SolarizeAdd": _solarize_add,
        "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
        "Equalize": lambda image, _: ImageOps.equalize(image),
        "Invert": lambda image, _: ImageOps.invert(image),
    }
)
"""By name, each with the meaning of its magnitude: slope; pixels; degrees; change of a factor that
is 1 for no change; bits that stay; threshold; addend; nothing for the last three and `Identity`."""

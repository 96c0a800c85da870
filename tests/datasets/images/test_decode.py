import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.images import Photo
from trainer.datasets.images.decode import FORMATS, EncodedImage, decode
from trainer.datasets.images.errors import ImageError
from trainer.datasets.images.jpeg import read_sides

NOBODY = 65534  # the user that owns nothing
ENCODINGS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"subsampling": 0}),
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
]
NAMES = [" ".join([name, *map(str, options)]) for name, options in ENCODINGS]


def encode(image: Image.Image, name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def image(photo: Photo) -> Image.Image:
    return Image.fromarray(photo).resize((90, 60))


@pytest.mark.parametrize(("name", "options"), ENCODINGS, ids=NAMES)
def test_formats(image: Image.Image, name: str, options: dict[str, Any]) -> None:
    original = image.quantize() if name == "GIF" else image
    content = encode(original, name, **options)
    pixels = decode(content)
    assert pixels.shape == (60, 90, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, Image.open(io.BytesIO(content)).convert("RGB"))
    if name != "JPEG":
        np.testing.assert_array_equal(pixels, original.convert("RGB"))


@pytest.mark.parametrize(("name", "options"), ENCODINGS, ids=NAMES)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_truncated_files_are_errors(
    image: Image.Image, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    content = encode(image.quantize() if name == "GIF" else image, name, **options)
    cuts = [0, 3, 20, *(len(content) * part // 10 for part in range(1, 10)), len(content) - 60]
    for cut in cuts:
        path = tmp_path / "cut.jpg"
        path.write_bytes(content[:cut])
        with pytest.raises(ImageError, match="cut.jpg: expected") as raised:
            decode(path)
        assert raised.value.source == path


def test_damage_in_the_middle_of_a_jpeg_is_an_error(photo: Photo) -> None:
    content = encode(Image.fromarray(photo), "JPEG")
    for start in range(2000, len(content) - 1000, 3000):
        with pytest.raises(ImageError, match="Corrupt JPEG data|Unsupported|Premature"):
            decode(content[:start] + content[start + 500 :])


def test_a_few_bytes_after_the_pixels_of_a_jpeg_are_harmless(image: Image.Image) -> None:
    content = encode(image, "JPEG")
    np.testing.assert_array_equal(decode(content[:-2] + b"\0" * 9 + content[-2:]), decode(content))
    with pytest.raises(ImageError, match="extraneous bytes"):
        decode(content[:-2] + b"\0" * 40 + content[-2:])
    np.testing.assert_array_equal(decode(content + b"appended"), decode(content))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "RGBA"])
def test_modes(image: Image.Image, mode: str) -> None:
    converted = image.convert(mode)
    pixels = decode(encode(converted, "TIFF" if mode == "CMYK" else "PNG"))
    np.testing.assert_array_equal(pixels, converted.convert("RGB"))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_without_colour_or_with_four(image: Image.Image, mode: str) -> None:
    content = encode(image.convert(mode), "JPEG")
    np.testing.assert_array_equal(decode(content), Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_sides_of_a_jpeg_are_read_without_pillow(image: Image.Image, mode: str) -> None:
    content = encode(image.convert(mode), "JPEG")
    assert read_sides(content) == (60, 90)
    assert read_sides(content[:50]) is None


def test_pillow_opens_what_is_turned_or_converted(image: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_sides(encode(image, "JPEG", exif=exif)) is None
    assert read_sides(encode(image.convert("CMYK"), "JPEG")) is None
    assert read_sides(encode(image, "PNG")) is None


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled(name: str) -> None:
    grey = np.linspace(0, 65535, 60).astype(np.uint16).reshape(6, 10)
    pixels = decode(encode(Image.fromarray(grey), name))
    np.testing.assert_array_equal(pixels[..., 1], np.rint(grey / 65535 * 255))
    assert (pixels[..., 0] == pixels[..., 2]).all()


@pytest.mark.parametrize(
    "values",
    [np.array([[-1, 3]], np.int32), np.array([[7, 70000]], np.int32), np.ones((1, 2), "f4")],
)
def test_pixels_of_unknown_range(values: Any) -> None:
    with pytest.raises(ImageError, match="grey values|floating-point"):
        decode(encode(Image.fromarray(values), "TIFF"))


def test_alpha_is_put_on_white() -> None:
    pixels = np.array([[[10, 20, 30, 0], [0, 0, 0, 255], [0, 100, 200, 51]]], np.uint8)
    expected = [[[255, 255, 255], [0, 0, 0], [204, 224, 244]]]
    for name in ("PNG", "TIFF"):
        assert decode(encode(Image.fromarray(pixels), name)).tolist() == expected
    grey = Image.new("LA", (1, 1), (0, 51))
    assert decode(encode(grey)).tolist() == [[[204, 204, 204]]]


def test_a_transparent_colour_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 9, 9, 50, 60, 70])
    palette.putpixel((1, 0), 1)
    expected = [[[255, 255, 255], [50, 60, 70]]]
    assert decode(encode(palette, "PNG", transparency=0)).tolist() == expected
    assert decode(encode(palette, "GIF", transparency=0)).tolist() == expected
    colour = palette.convert("RGB")
    assert decode(encode(colour, "PNG", transparency=(9, 9, 9))).tolist() == expected


def test_the_first_frame_is_taken(image: Image.Image) -> None:
    frames = [image.quantize(), Image.new("P", image.size)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(content), frames[0].convert("RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation(image: Image.Image, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "WEBP" else {}
    content = encode(image, name, exif=exif, **options)
    encoded = EncodedImage(content)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(encoded.decode(), upright.convert("RGB"))
    assert (encoded.height, encoded.width) == upright.size[::-1]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_ignored(image: Image.Image) -> None:
    content = encode(image, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05broken")
    assert decode(content).shape == (60, 90, 3)


def test_names_of_files_do_not_matter(image: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "really a.png"
    path.write_bytes(encode(image, "JPEG"))
    assert decode(path).shape == (60, 90, 3)


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(
        ImageError, match=r"text.jpg: expected an image \(JPEG, PNG, .*\), received"
    ):
        decode(tmp_path / "text.jpg")
    with pytest.raises(ImageError, match="nowhere.jpg: expected a file, received none"):
        decode(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match="expected a complete image, received: .*directory"):
        decode(tmp_path)
    with pytest.raises(ImageError, match="^image: expected an image"):
        decode(encode(Image.new("RGB", (2, 2)), "PPM"))
    assert "PPM" not in FORMATS


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Give up the rights of root for a while: root may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_not_be_read(image: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(image))
    path.chmod(0)
    with as_ordinary_user(), pytest.raises(ImageError, match="Permission denied"):
        decode(path)


BOXES = [(3.0, 5.0, 600.0, 420.0), (100.0, 50.0, 164.0, 114.0), (0.0, 0.0, 640.0, 427.0)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("side", [16, 40, 64, 224])
def test_a_resized_crop_is_near_that_of_all_pixels(
    photo: Photo, box: tuple[float, float, float, float], side: int
) -> None:
    content = encode(Image.fromarray(photo), "JPEG", quality=90)
    crop = EncodedImage(content).resized_crop(box, (side, side), "bilinear")
    whole = Image.fromarray(decode(content))
    exact = np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR, box))
    difference = np.abs(crop.astype(int) - exact)
    reduced = min(box[2] - box[0], box[3] - box[1]) / side >= 2
    assert difference.max() <= (13 if reduced else 0)
    assert difference.mean() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_resized_crop_is_of_the_upright_image(photo: Photo, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = EncodedImage(encode(Image.fromarray(photo[:, :639]), "JPEG", exif=exif))
    box = (40.0, 80.0, 360.0, 400.0)
    crop = encoded.resized_crop(box, (100, 100), "bilinear")
    exact = Image.fromarray(encoded.decode()).resize((100, 100), Image.Resampling.BILINEAR, box)
    assert np.abs(crop.astype(int) - np.asarray(exact)).mean() < 0.8

"""The compiled kernels have the bits of Pillow and NumPy, which are used without them."""

import ctypes
import platform
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.cpp_build import OPTIONS, WARNINGS
from tests.support.environments import ROOT, run
from tests.support.images import Photo
from trainer.datasets.images import kernels
from trainer.datasets.images.transforms.normalise import normalise
from trainer.datasets.images.transforms.resize import INTERPOLATIONS, Box, resize

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or shutil.which("c++") is None,
    reason="the kernels are built on Linux for x86-64 with a C++ compiler",
)
SOURCES = ROOT / "datasets/images/src"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Built from the sources, so that an old library in the checkout is not what is tested."""
    path = tmp_path_factory.mktemp("kernels") / "kernels.so"
    run("c++", *OPTIONS, *WARNINGS, *sorted(SOURCES.glob("*.cpp")), "-o", path)
    library = kernels._load(path)
    if library is None:
        pytest.skip("the processor has no AVX2")
    return library


@pytest.fixture
def compiled(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_library", lambda: library)


def random_pixels(random: np.random.Generator, limit: int) -> NDArray[np.uint8]:
    height, width = random.integers(1, limit, 2)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    return pixels // 128 * 255 if random.random() < 0.3 else pixels  # bicubic sums beyond 255


def random_box(random: np.random.Generator, height: int, width: int) -> Box:
    if random.random() < 0.2:
        return 0, 0, width, height
    x, y = (np.sort(random.random(2)) * (length - 1) for length in (width, height))
    if random.random() < 0.5:
        x, y = np.floor(x), np.floor(y)
    return float(x[0]), float(y[0]), float(x[1]) + 1, float(y[1]) + 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("limit", "count"), [(5, 500), (60, 500), (700, 50)])
def test_resize_has_pillows_bits(
    limit: int, count: int, interpolation: str, compiled: None
) -> None:
    random, method = np.random.default_rng(limit), INTERPOLATIONS[interpolation]
    resized = 0
    for _ in range(count):
        pixels = random_pixels(random, limit)
        height, width = (int(side) for side in random.integers(1, min(300, 4 * limit), 2))
        box = random_box(random, *pixels.shape[:2])
        expected = Image.fromarray(pixels).resize((width, height), method, box)
        np.testing.assert_array_equal(resize(pixels, (height, width), interpolation, box), expected)
        resized += kernels.can_resize(pixels, (height, width), method, box)
    assert resized > count / 2


def test_a_turned_image_is_resized_too(photo: Photo, compiled: None) -> None:
    turned = photo.transpose(1, 0, 2)[::-1]
    expected = resize(np.ascontiguousarray(turned), (224, 300))
    np.testing.assert_array_equal(resize(turned, (224, 300)), expected)


def test_pillow_resizes_what_it_resizes_along_the_columns_first(compiled: None) -> None:
    bilinear, box = Image.Resampling.BILINEAR, (0.0, 0.0, 100.0, 400.0)
    image = np.zeros((400, 100, 3), np.uint8)
    assert not kernels.can_resize(image, (199, 1), bilinear, box)
    assert kernels.can_resize(image, (202, 1), bilinear, box)


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 5, 7)])
def test_a_box_outside_the_image_is_refused_by_pillow(box: Box, compiled: None) -> None:
    with pytest.raises(ValueError, match=r"[Bb]ox"):
        resize(np.zeros((6, 5, 3), np.uint8), (4, 4), "bilinear", box)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 31, 224])
def test_normalise_has_the_bits_of_numpy(
    width: int, compiled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (5, width, 3), np.uint8)
    views = [pixels, pixels[:, ::-1], pixels[::-1], pixels[::-1, ::-1]]
    results = [normalise(view) for view in views]
    monkeypatch.setattr(kernels, "_library", lambda: None)
    for view, result in zip(views, results, strict=True):
        assert result.tobytes() == normalise(view).tobytes()


def test_without_the_library_there_are_no_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    kernels._library.cache_clear()
    assert not kernels.are_available()
    kernels._library.cache_clear()


def test_a_library_of_another_system_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kernels.so").write_text("no library")
    assert kernels._load(tmp_path / "kernels.so") is None

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from trainer.datasets.images.cache import DiskCache, ImageCache, MemoryCache, cache_key

Make = Callable[[float], ImageCache]


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return MemoryCache
    return lambda limit: DiskCache(tmp_path / "cache", limit)


class Decoder:
    """Pixels that tell how many were decoded before."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        self.calls += 1
        return np.full((100, 100, 3), self.calls, np.uint8)


def test_each_image_is_decoded_once(make: Make) -> None:
    cache, decode = make(1), Decoder()
    images = [cache.get(key, decode) for key in ("a", "b", "a", "b")]
    assert [image[0, 0, 0] for image in images] == [1, 2, 1, 2]
    assert {(image.shape, image.dtype.name) for image in images} == {((100, 100, 3), "uint8")}


def test_a_full_cache_keeps_what_it_has(make: Make) -> None:
    cache, decode = make(0.07), Decoder()  # two images of 30,000 bytes
    for _ in range(2):
        images = [cache.get(key, decode) for key in "abc"]
    assert decode.calls == 4
    assert [image[0, 0, 0] for image in images] == [1, 2, 4]


def test_threads(make: Make) -> None:
    cache = make(10)

    def read(number: int) -> int:
        value = number % 7
        image = cache.get(str(value), lambda: np.full((50, 50, 3), value, np.uint8))
        return int(image.max()) - value

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(read, range(200))) == {0}


def test_a_folder_serves_later_runs(tmp_path: Path) -> None:
    first, decode = DiskCache(tmp_path, 1), Decoder()
    first.get("a", decode)
    later = DiskCache(tmp_path, 1)
    assert later.size == first.size == 30_128
    later.get("a", decode)
    assert decode.calls == 1
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".npy"]


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    cache, decode = DiskCache(tmp_path, 1), Decoder()
    cache.get("a", decode)
    [path] = tmp_path.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:500])
    assert cache.get("a", decode)[0, 0, 0] == 2
    assert cache.get("a", decode)[0, 0, 0] == 2


def test_a_folder_that_cannot_be_written_leaves_images_uncached(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1)
    for number in range(256):  # in place of the folders that the cache would make
        (tmp_path / f"{number:02x}").touch()
    assert cache.get("a", lambda: np.ones((2, 2, 3), np.uint8)).sum() == 12
    assert cache.size == 0


def test_a_key_changes_with_the_file_and_the_preparation(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    keys = [cache_key(path, "256"), cache_key(path, "256"), cache_key(path, "128")]
    path.write_bytes(b"12")
    assert keys[0] == keys[1]
    assert len({*keys, cache_key(path, "256")}) == 3

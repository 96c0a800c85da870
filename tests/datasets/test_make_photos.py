"""The folder of patches of photographs: its classes and parts, the same each time."""

from pathlib import Path

import pytest
from PIL import Image

from scripts.make_photos import write_photos

pytest.importorskip("skimage", reason="the extra pretrained-example is not installed")


def contents(folder: Path) -> dict[str, bytes]:
    files = folder.rglob("*.jpg")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_each_class_has_images_in_both_parts_and_no_two_are_equal(tmp_path: Path) -> None:
    names = write_photos(tmp_path / "one", 2)
    assert len(names) == 12
    images = contents(tmp_path / "one")
    parts = [
        f"{part}/{name}/{i:03}.jpg" for part in ("train", "val") for name in names for i in (0, 1)
    ]
    assert sorted(images) == sorted(parts)
    assert len(set(images.values())) == len(images)
    with Image.open(tmp_path / "one/train/cat/000.jpg") as image:
        assert (image.size, image.mode) == ((96, 96), "L")
    write_photos(tmp_path / "two", 2)
    assert contents(tmp_path / "two") == images

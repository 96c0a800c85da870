import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.errors import DataError, ImageError
from trainer.datasets.images.image_folder import image_folder
from trainer.datasets.images.image_list import ImageList, Splits
from trainer.datasets.images.manifest import (
    Differences,
    ManifestRow,
    compare_manifests,
    make_manifest,
    read_manifest,
    shared_images,
    write_manifest,
)

ROWS = [ManifestRow("train", f"{n}.png", "cat", 10 + n, f"{n:064x}") for n in range(4)]


def test_rows(make_images: MakeImages) -> None:
    root = make_images("train/cat/a.png", "train/dog/b.png", "val/dog/c.png")
    rows = make_manifest(image_folder(root))
    assert [(row.split, row.file, row.label) for row in rows] == [
        ("train", "train/cat/a.png", "cat"),
        ("train", "train/dog/b.png", "dog"),
        ("validation", "val/dog/c.png", "dog"),
    ]
    content = (root / "val/dog/c.png").read_bytes()
    assert rows[2].size == len(content)
    assert rows[2].sha256 == hashlib.sha256(content).hexdigest()


def test_several_labels_and_numbers(make_images: MakeImages) -> None:
    root = make_images("a.png")
    several = ImageList(root, ("a.png",), np.array([[1, 0, 1]], np.float32), ("x", "y", "z"))
    number = ImageList(root, ("a.png",), np.array([2.5], np.float32))
    labels = [make_manifest(Splits(images))[0].label for images in (several, number)]
    assert labels == [["x", "z"], 2.5]


def test_a_file_that_is_gone(make_images: MakeImages) -> None:
    images = ImageList(make_images("a.png"), ("b.png",), np.array([0]), ("x",))
    with pytest.raises(ImageError, match="b.png: expected a file"):
        make_manifest(Splits(images))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [*ROWS, replace(ROWS[0], file="ä\n.png", label=["x", "y"])]
    write_manifest(rows, tmp_path / "m.jsonl")
    assert read_manifest(tmp_path / "m.jsonl") == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a manifest"),
        ("{}", "expected a manifest"),
        ('{"format": 2, "images": 0}', "expected format 1, received 2"),
        ('{"format": 1, "images": 3}', "expected 3 images, received 0"),
        ('{"format": 1, "images": 1}\n{"file": "a"}', "expected a manifest"),
    ],
)
def test_files_that_are_no_manifest(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(DataError, match=message):
        read_manifest(tmp_path / "m.jsonl")


def test_equal_manifests() -> None:
    differences = compare_manifests(ROWS, ROWS[::-1])
    assert differences == Differences()
    assert not differences


def test_differences() -> None:
    zero, one, two, three = ROWS
    after = [
        replace(zero, sha256="new"),
        replace(one, label="dog", split="test"),
        replace(two, file="moved.png"),
        replace(three, file="added.png", sha256="another"),
    ]
    differences = compare_manifests(ROWS, after)
    assert differences
    assert differences == Differences(
        added=("added.png",),
        removed=("3.png",),
        content=("0.png",),
        label=("1.png",),
        split=("1.png",),
        renamed=(("2.png", "moved.png"),),
    )


def test_copies_are_not_renamed() -> None:
    copies = [replace(ROWS[0], file="x"), replace(ROWS[0], file="y")]
    assert compare_manifests(ROWS[:1], copies) == Differences(("x", "y"), ("0.png",))


def test_images_in_two_splits() -> None:
    copy = replace(ROWS[1], split="validation", file="copy.png")
    twice = replace(ROWS[2], file="again.png")
    assert shared_images([*ROWS, copy, twice]) == [[ROWS[1], copy]]

"""The files of a run's data, as they are written, read and compared."""

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from trainer.artifacts import data_differences, data_manifest
from trainer.artifacts.data_differences import DataDifferences, compare
from trainer.artifacts.data_manifest import DataFile, DataManifest
from trainer.core.errors import ConfigError

ROWS = [DataFile("train", f"{n}.png", "cat", 10 + n, f"{n:064x}") for n in range(4)]


def dataset(root: Path, *files: str, **attributes: Any) -> Any:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)
    return SimpleNamespace(root=root, files=files, **attributes)


def made(**parts: Any) -> DataManifest:
    manifest = data_manifest.make(parts, lambda: False)
    assert manifest is not None
    return manifest


def test_a_row_for_each_file(tmp_path: Path) -> None:
    train = dataset(tmp_path, "cat/a", "dog/b", classes=["cat", "dog"], labels=np.array([0, 1]))
    test = dataset(tmp_path, "test/c")
    manifest = made(train=train, validation=[], test=test)
    assert manifest.root == tmp_path
    assert [(row.split, row.file, row.label) for row in manifest.files] == [
        ("train", "cat/a", "cat"),
        ("train", "dog/b", "dog"),
        ("test", "test/c", None),
    ]
    assert manifest.files[1].size == 5
    assert manifest.files[1].sha256 == hashlib.sha256(b"dog/b").hexdigest()


def test_several_labels_and_numbers(tmp_path: Path) -> None:
    labels = np.array([[1, 0, 1]], np.float32)
    several = dataset(tmp_path, "a", classes=["x", "y", "z"], labels=labels)
    number = dataset(tmp_path, "a", labels=np.array([2.5], np.float32))
    assert made(train=several).files[0].label == ["x", "z"]
    assert made(train=number).files[0].label == 2.5


def test_data_without_files_and_a_cancelled_reading_have_none(tmp_path: Path) -> None:
    assert data_manifest.make({"train": [1, 2]}, lambda: False) is None
    assert data_manifest.make({"train": dataset(tmp_path, "a")}, lambda: True) is None
    assert data_manifest.read(tmp_path) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [*ROWS, replace(ROWS[0], file="ä\n\udcff.png", label=["x", "y"])]
    data_manifest.write(tmp_path, DataManifest(tmp_path, rows))
    assert data_manifest.read(tmp_path) == DataManifest(tmp_path, rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the files of the data"),
        ("{}", "expected the files of the data"),
        ('{"format": 99, "trainer": "9.9", "files": 0}', "9.9 reads it"),
        ('{"format": 2, "root": "/", "files": 3}', "0 of 3 files"),
        ('{"format": 2, "root": "/", "files": 1}\n{"file": "a"}', "expected the files of the data"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "data.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=message):
        data_manifest.read(tmp_path)


def test_changed_and_missing_files_are_found(tmp_path: Path) -> None:
    manifest = made(train=dataset(tmp_path, "a", "b", "c"))
    assert list(data_manifest.changed_files(manifest)) == []
    (tmp_path / "a").write_text("other")
    (tmp_path / "b").unlink()
    changed, missing = data_manifest.changed_files(manifest)
    assert changed == f"{tmp_path / 'a'}: expected as the run read it, received different content"
    assert missing.startswith(f"{tmp_path / 'b'}: expected as the run read it, received none")


def test_a_file_that_cannot_be_read_has_no_hash(tmp_path: Path) -> None:
    part = dataset(tmp_path, "a")
    (tmp_path / "a").unlink()
    assert made(train=part).files == [DataFile("train", "a", None, None, "")]


def test_equal_data() -> None:
    assert compare(ROWS, ROWS[::-1]) == DataDifferences([], [], [], [], [], [])
    assert data_differences.describe(ROWS, ROWS[::-1]) == "the same 4 files"


def test_differences() -> None:
    zero, one, two, three = ROWS
    after = [
        replace(zero, sha256="new"),
        replace(one, label="dog", split="test"),
        replace(two, file="moved.png"),
        replace(three, file="added.png", sha256="another"),
    ]
    assert data_differences.describe(ROWS, after) == (
        "1 file added (added.png), 1 file removed (3.png), 1 file changed (0.png), "
        "1 file with another label (1.png), 1 file in another split (1.png), "
        "1 file renamed (2.png to moved.png)"
    )


def test_copies_are_not_renamed() -> None:
    copies = [replace(ROWS[0], file="x"), replace(ROWS[0], file="y")]
    differences = compare(ROWS[:1], copies)
    assert (differences.added, differences.removed) == (["x", "y"], ["0.png"])

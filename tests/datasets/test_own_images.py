"""The datasets of the groups image_folder and image_table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from trainer.datasets.image_folder import image_folder
from trainer.datasets.image_table import image_table
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.open_cache import cache_folder, open_cache


def test_parts_of_a_folder(photos: Path) -> None:
    parts = image_folder(str(photos), holdout=0.2, test_holdout=0.1, num_classes=2)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 42,
        "validation": 12,
        "test": 6,
    }
    assert list(image_folder(str(photos))) == ["train"]
    reordered = image_folder(str(photos), classes=["temple", "flower"])["train"]
    assert reordered.classes == ("temple", "flower")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 3}, "num_classes: expected 2, as in the data, received 3"),
        ({"classes": ["temple"]}, "received flower"),
        ({"cache": "disc"}, "cache: expected memory, disk or null, received 'disc'"),
        ({"cache": "memory", "cache_mb": 0}, "cache_mb: expected more than 0, received 0"),
        ({"cache_interpolation": "best"}, "interpolation: expected nearest"),
        ({"cache_side": 0}, "cache_side: expected 1 or more, or null, received 0"),
        ({"cache": "disk", "cache_mb": "x"}, "cache_mb: expected more than 0, received 'x'"),
        ({"root": 5}, "root: expected a folder of images, received 5"),
        ({"root": None}, "root: expected a folder of images, received none"),
    ],
)
def test_problems_of_a_folder(photos: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_folder(**{"root": str(photos), **arguments})


@pytest.fixture
def table(photos: Path, tmp_path: Path) -> str:
    """A table of all photographs, with their part and the height of some thing."""
    path = tmp_path / "photos.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "species", "part", "height"])
        for number, file in enumerate(sorted(photos.glob("*/*.jpg"))):
            part = "val" if number % 5 == 0 else "train"
            writer.writerow([file.relative_to(photos), file.parent.name, part, number / 2])
    return str(path)


def test_parts_of_a_table(photos: Path, table: str) -> None:
    parts = image_table(table, str(photos), path="file", labels="species", split="part")
    assert {name: len(part) for name, part in parts.items()} == {"train": 48, "validation": 12}
    assert parts["train"].classes == ("flower", "temple")
    numbers = image_table(table, str(photos), "file", "height", "number", num_classes=1)["train"]
    assert (numbers.classes, numbers[3][1]) == ((), np.float32(1.5))
    with pytest.raises(DataError, match=r"classes: expected \['flower', 'temple'\], as in"):
        image_table(table, str(photos), path="file", labels="species", classes=["a", "b"])
    with pytest.raises(DataError, match="file: expected a table of images, received none"):
        image_table(None)


def test_the_cache_on_disk_lies_in_the_users_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert open_cache("disk", 1) is not None
    assert cache_folder() == tmp_path / "freeze-trainer/images"
    assert cache_folder().is_dir()
    assert open_cache(None, 1) is None

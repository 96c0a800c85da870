"""CONTRIBUTING.md is true: its paths exist, and its picture shows the import contract."""

import re
from pathlib import Path

import pytest

from scripts import rooms

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Where to change what")[2].partition("\n## ")[0]
ROWS = [row for row in TABLE.splitlines() if row.startswith("| ") and "`" in row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_paths_of_each_row_exist(row: str) -> None:
    paths = re.findall(r"`([^`]+)`", row.split("|")[2])
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_table_has_enough_rows() -> None:
    assert len(ROWS) >= 20


def test_the_paths_in_the_text_exist() -> None:
    text = PAGE.partition("## Extend")[0]
    for path in re.findall(r"`((?:trainer|tests|scripts)/[^`\s]*)`", text):
        assert (ROOT / path).exists(), path


def test_the_picture_shows_the_contract() -> None:
    drawn = rooms.draw(rooms.rooms())
    assert rooms.PICTURE.read_text(encoding="utf-8") == drawn, "run: python -m scripts.rooms"

"""Names of classes in a run's folder, and how those of other data differ."""

from pathlib import Path

import pytest

from trainer.checkpoint import class_names
from trainer.core.errors import ConfigError

PETS = ["cat", "dog", "fish"]


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert class_names.read(tmp_path) == ()
    class_names.write(tmp_path, ["cat", "Hündin", "2"])
    assert class_names.read(tmp_path) == ("cat", "Hündin", "2")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1, "class_names": 3}'])
def test_a_changed_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "class_names.json").write_text(content)
    with pytest.raises(ConfigError, match=r"class_names\.json: expected the names"):
        class_names.read(tmp_path)


@pytest.mark.parametrize(
    ("received", "difference"),
    [
        (["cat", "fish"], "received 2 (missing: dog)"),
        (["cat", "cow", "dog", "fish"], "received 4 (new: cow)"),
        (["cat", "cow", "fish"], "received 3 (new: cow; missing: dog)"),
        (["dog", "cat", "fish"], "received 3 (another order: dog, cat, fish)"),
    ],
)
def test_other_classes_are_told_apart(received: list[str], difference: str) -> None:
    (problem,) = class_names.problems(PETS, received)
    assert problem == f"dataset: expected the 3 classes of the run, cat, dog, fish, {difference}"


@pytest.mark.parametrize(("recorded", "received"), [(PETS, PETS), (PETS, []), ([], PETS)])
def test_equal_and_unknown_names_are_no_problem(recorded: list[str], received: list[str]) -> None:
    assert class_names.problems(recorded, received) == []

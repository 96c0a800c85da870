"""The class weights that a run has counted, in its folder."""

from pathlib import Path

import pytest

from trainer.checkpoint import class_weights
from trainer.core.errors import ConfigError
from trainer.core.run_files import CLASS_WEIGHTS


def test_what_is_written_is_read_and_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert class_weights.read(tmp_path) is None
    class_weights.write(tmp_path, [0.5, 1.5, 2.0])
    assert class_weights.read(tmp_path) == [0.5, 1.5, 2.0]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        "[]",
        '{"format": 1}',
        '{"format": 1, "class_weights": 3}',
        '{"class_weights": ["a"]}',
    ],
)
def test_a_file_that_was_changed_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / CLASS_WEIGHTS).write_text(content)
    with pytest.raises(ConfigError, match="expected the class weights as the run wrote them"):
        class_weights.read(tmp_path)

from pathlib import Path
from typing import Any

import pytest

from trainer.core import format_version
from trainer.core.errors import ConfigError
from trainer.core.format_version import FORMAT

FILE = Path("plan.json")


def test_a_stamped_file_is_accepted_and_its_content_is_what_was_stamped() -> None:
    data = {"cuts": [], "notes": ["a"]}
    stamped = format_version.stamp(data)
    assert list(stamped) == ["format", "trainer", "cuts", "notes"]
    assert stamped["format"] == FORMAT
    assert format_version.content(stamped, FILE) == data


def test_a_file_that_is_written_again_states_the_version_of_the_trainer_that_writes_it() -> None:
    before = {"format": 1, "trainer": "0.0.1", "cuts": []}
    assert format_version.stamp(before) == format_version.stamp({"cuts": []})


def test_a_file_without_a_version_is_of_version_1() -> None:
    assert format_version.content({"cuts": []}, FILE) == {"cuts": []}
    assert format_version.content({"format": 1}, FILE) == {}


def test_a_newer_file_is_refused_and_the_trainer_that_reads_it_is_named() -> None:
    newer = {"format": FORMAT + 1, "trainer": "7.8.9"}
    with pytest.raises(ConfigError) as refused:
        format_version.check(newer, FILE)
    (problem,) = refused.value.problems
    assert problem.startswith(f"plan.json: expected format {FORMAT} or older")
    assert f"received format {FORMAT + 1}: freeze-trainer 7.8.9 reads it" in problem


@pytest.mark.parametrize("data", [[], "text", None, {"format": "2"}, {"format": 0}])
def test_what_states_no_version_as_a_run_does_is_damaged(data: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        format_version.check(data, FILE)

"""A user's own data that cannot be read, or hold no sample."""

import pytest

from tests.support.command import Command
from tests.support.own_code import DATA, MINE, NET


@pytest.fixture
def command(command: Command) -> Command:
    command.add_module("mine", MINE)
    return command


def test_data_that_cannot_be_read_are_a_mistake_with_their_own_error(command: Command) -> None:
    data = [DATA[0], "dataset._target_=mine.broken", DATA[2]]
    ended = command.train(*NET, *data)
    assert ended.code == 2
    assert "dataset: mine.broken: ZeroDivisionError: " in ended.err
    assert "/mine.py:" in ended.err
    assert "Call Stack" not in ended.err
    assert "run" not in command.left()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("empty", "data row of input source must not be 0"),
        ("read_once", "a source that can be read only once"),
    ],
)
def test_data_without_a_sample_are_a_configuration_error(
    command: Command, target: str, why: str
) -> None:
    ended = command.train(*NET, DATA[0], f"dataset._target_=mine.{target}", DATA[2])
    assert ended.code == 2
    assert why in ended.err
    assert "run" not in command.left()

"""The table of weights on the screen: short for any model."""

from typing import Any

from trainer.callbacks.console import change_table, most_moved


def row(name: str, state: str, moved: float) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "norm": 1.0,
        "largest_since_start": moved,
        "mean_since_start": moved / 2,
        "largest_since_last": moved / 4,
        "mean_since_last": moved / 8,
    }


FROZEN = [row(f"frozen{n}", "frozen", 0.0) for n in range(400)]


def test_those_that_moved_most_come_first_and_the_others_are_counted() -> None:
    trained = [row(f"layer{n}", "trainable", float(n)) for n in range(9)]
    head, *rows, note = most_moved([*FROZEN, *trained]).splitlines()
    assert head.split()[0] == "parameter"
    assert [line.split()[0] for line in rows] == [f"layer{n}" for n in (8, 7, 6, 5, 4, 3)]
    assert note == "3 more and 400 frozen, unchanged since the start: train.log"


def test_a_frozen_parameter_that_moved_is_shown() -> None:
    shown = most_moved([*FROZEN, row("moved", "frozen", 0.5), row("trained", "trainable", 0.1)])
    assert [line.split()[0] for line in shown.splitlines()[1:3]] == ["moved", "trained"]


def test_if_all_are_frozen_and_unchanged_there_is_one_line() -> None:
    assert most_moved(FROZEN) == "400 frozen, unchanged since the start: train.log"


def test_the_log_has_them_all() -> None:
    assert len(change_table(FROZEN).splitlines()) == 401

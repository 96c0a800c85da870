"""The lines of epochs, the bar, and the table of weights: short for any model."""

from typing import Any

import pytest

from trainer.callbacks import console
from trainer.callbacks.console import Console, change_table, most_moved
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.metrics.evaluator import NOT_MEASURED, Score

NOTHING_FROZEN = Plan((ParameterPlan("b", (), 4, "trainable"),))
ONE_FROZEN = Plan((ParameterPlan("a", (), 4, "frozen"), *NOTHING_FROZEN.parameters))


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (
            EpochResult(0, ONE_FROZEN, {}, Score(1.5, 0.125, 8)),
            "epoch   0  loss    start  validation      1.5  accuracy  12.5 %  frozen ok (1)",
        ),
        (
            EpochResult(
                12,
                NOTHING_FROZEN,
                {},
                Score(0.5, None, 8, {"f1": 0.123456}),
                steps=3,
                loss=2.0,
                images_per_second=1234.6,
            ),
            "epoch  12  loss        2  validation      0.5  f1 0.1235  1,235 images/s  "
            "nothing frozen",
        ),
        (
            EpochResult(0, ONE_FROZEN, {}, Score(1.5, 0.5, 8, {"accuracy": 0.5})),
            "epoch   0  loss    start  validation      1.5  accuracy  50.0 %  frozen ok (1)",
        ),
        (
            EpochResult(1, ONE_FROZEN, {}, NOT_MEASURED, steps=1, loss=1.0, moved={"a": "by 1"}),
            "epoch   1  loss        1  0 images/s  frozen MOVED (1)",
        ),
    ],
)
def test_the_line_of_an_epoch(epoch: EpochResult, text: str) -> None:
    assert console.line(epoch) == text


class Bar:
    """Stands for tqdm and records what it is told."""

    made: list["Bar"] = []

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.losses: list[str] = []
        self.updates = 0
        self.closed = False
        Bar.made.append(self)

    def set_postfix(self, loss: str, refresh: bool) -> None:
        self.losses.append(loss)

    def update(self) -> None:
        self.updates += 1

    def close(self) -> None:
        self.closed = True


def test_each_epoch_has_a_bar_of_its_steps(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Bar, "made", [])
    monkeypatch.setattr(console, "tqdm", Bar)
    screen = Console(RunLength(3, 10, max_steps=24))
    for progress in (Progress(1, 8), Progress(1, 9)):  # resumed within the second epoch
        screen.on_step_end(0.25, 1.0, progress)
    with caplog.at_level("INFO"):
        screen.on_evaluation(Progress(1, 9), Score(1.5, 0.5, 8))
    assert caplog.messages == ["epoch   2  step 9/10  validation      1.5  accuracy  50.0 %"]
    screen.on_step_end(0.5, 1.0, Progress(1, 10))
    screen.on_epoch_end(EpochResult(2, ONE_FROZEN, {}, NOT_MEASURED))
    screen.on_step_end(0.5, 1.0, Progress(2, 1))
    screen.on_run_end(True)
    with caplog.at_level("INFO"):
        screen.on_evaluation(Progress(2, 1), Score(1.5, None, 8))
    assert caplog.messages[-1] == "epoch   3  step 1/4  validation      1.5"
    spans = [(bar.arguments["initial"], bar.arguments["total"], bar.updates) for bar in Bar.made]
    assert spans == [(7, 10, 2), (9, 10, 1), (0, 4, 1)]
    assert Bar.made[0].losses == ["0.2500", "0.2500"]
    assert all(bar.closed for bar in Bar.made)


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


@pytest.mark.parametrize(
    ("trained", "frozen", "note"),
    [
        (6, 0, []),
        (7, 0, ["1 more: train.log"]),
        (3, 2, ["2 frozen, unchanged since the start: train.log"]),
        (8, 1, ["2 more and 1 frozen, unchanged since the start: train.log"]),
    ],
)
def test_what_is_not_shown_is_counted(trained: int, frozen: int, note: list[str]) -> None:
    rows = [row(f"layer{n}", "trainable", float(n)) for n in range(trained)]
    lines = most_moved([*FROZEN[:frozen], *rows]).splitlines()
    assert lines[1 + min(trained, 6) :] == note


def test_a_trained_parameter_that_has_not_moved_is_shown() -> None:
    shown = most_moved([row("still", "trainable", 0.0)]).splitlines()
    assert shown[1].split() == ["still", "1.000e+00", "0.000e+00", "0.000e+00"]


def test_if_all_are_frozen_and_unchanged_there_is_one_line() -> None:
    assert most_moved(FROZEN) == "400 frozen, unchanged since the start: train.log"


def test_the_log_has_them_all() -> None:
    assert len(change_table(FROZEN).splitlines()) == 401
    cells = change_table([row("a", "trainable", 8.0)]).splitlines()[1].split()
    assert cells == ["a", "trainable", *(f"{x}.000e+00" for x in (1, 8, 4, 2, 1))]

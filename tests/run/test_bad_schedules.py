"""Schedules that are refused before training."""

import mindspore.dataset as ds
import pytest

from tests.support.command import Command
from tests.support.schedules import SMALL
from trainer.datasets.digits import digits


def no_validation(batch_size: int) -> tuple[ds.Dataset, None]:
    return digits(batch_size=batch_size, classes=[0, 1], num_classes=2)[0], None


NO_VALIDATION = (
    "model.num_classes=2",
    "dataset=custom",
    "dataset._target_=tests.run.test_bad_schedules.no_validation",
    "+dataset.batch_size=${batch_size}",
    "init_from=null",
)


def test_a_plateau_needs_something_to_monitor(command: Command) -> None:
    ended = command.train(*NO_VALIDATION, "schedule=plateau", "epochs=1")
    assert ended.code == 2
    assert "schedule=plateau: expected validation data to measure, received none" in ended.err


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            ("schedule=linear", "schedule.warmup_steps=9"),
            "schedule: expected a warm-up of at most 8 steps, the run's, received 9",
        ),
        (
            ("schedule=multi_step", "schedule.milestones=[1]", "schedule.warmup_steps=4"),
            "schedule.milestones: expected milestones before the run's end after step 8, "
            "received steps 8",
        ),
        (
            ("schedule=linear", "schedule.warmup_epochs=2", "max_steps=7"),
            "schedule: expected a warm-up of at most 7 steps, the run's, received 8",
        ),
    ],
)
def test_what_lies_beyond_the_last_step_is_refused_before_training(
    command: Command, settings: tuple[str, ...], problem: str
) -> None:
    ended = command.train(*SMALL, "epochs=2", *settings)
    assert ended.code == 2
    assert problem in ended.err
    assert command.left() == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "broken",
            "schedule: expected a function of (step, steps), received an error from (7, 8): ",
        ),
        ("negative", "schedule: expected a factor of at least 0, received -1.0 at step 7"),
    ],
)
def test_a_custom_schedule_that_fails_later_is_refused_before_training(
    command: Command, name: str, problem: str
) -> None:
    own = ("schedule=custom", f"schedule._target_=tests.support.schedules.{name}")
    ended = command.train(*SMALL, "epochs=2", *own)
    assert ended.code == 2
    assert problem in ended.err
    assert command.left() == []


BAD = {
    "warmup_epochs: expected at most epochs=2, received 3": ("cosine", "warmup_epochs=3"),
    "min_lr: expected at most optimizer.lr=0.01, received 0.1": ("cosine", "min_lr=0.1"),
    "warmup_factor: expected at most 1.0, received 1.5": ("linear", "warmup_factor=1.5"),
    "warmup_steps: expected at least 0, received -1": ("linear", "warmup_steps=-1"),
    "milestones: expected epochs before the end, below 2, received 2, 7": (
        "multi_step",
        "milestones=[1,2,7]",
    ),
    "milestones: expected ascending epochs above 0, received 1, 0.5": (
        "multi_step",
        "milestones=[1,0.5]",
    ),
    "milestones: expected ascending epochs above 0, received none": ("multi_step", "milestones=[]"),
    "decay_epochs: expected more than 0.0, received 0": ("step", "decay_epochs=0"),
    "decay_rate: expected at most 1.0, received 2": ("exponential", "decay_rate=2"),
    "power: expected more than 0.0, received -1": ("polynomial", "power=-1"),
    "pct_start: expected less than 1.0, received 1": ("one_cycle", "pct_start=1"),
}


@pytest.mark.parametrize("problem", BAD)
def test_bad_settings_are_reported_with_the_others_before_data_are_read(
    command: Command, problem: str
) -> None:
    name, setting = BAD[problem]
    lines = ("dataset=mnist", "dataset.root=nowhere", "model.num_classes=x", "epochs=2")
    ended = command.train(*lines, f"schedule={name}", f"schedule.{setting}")
    assert ended.code == 2
    assert f"  - schedule.{problem}" in ended.err
    assert command.left() == []


def test_a_warm_up_has_one_length(command: Command) -> None:
    both = ("schedule.warmup_epochs=1", "schedule.warmup_steps=5")
    ended = command.train("schedule=cosine", *both, "optimizer.lr=x")
    assert ended.code == 2
    assert "schedule.warmup_epochs: expected null together with warmup_steps" in ended.err
    assert "optimizer.lr: expected a number, received 'x'" in ended.err
    assert "min_lr" not in ended.err

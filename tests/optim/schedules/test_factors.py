"""The factors of the shipped schedules at the first and last step and beside each boundary."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from trainer.core.errors import ConfigError
from trainer.optim.schedule import Factor, StepCounts, build_schedule

LR = 0.4
TARGETS = {
    "constant": "constant.constant",
    "cosine": "cosine.cosine",
    "linear": "linear.linear",
    "polynomial": "polynomial.polynomial",
    "step": "step.step_decay",
    "multi_step": "multi_step.multi_step",
    "exponential": "exponential.exponential",
    "one_cycle": "one_cycle.one_cycle",
    "inverse_sqrt": "inverse_sqrt.inverse_sqrt",
}


def factor_of(name: str, steps: int, per_epoch: int = 10, **keys: Any) -> Factor:
    spec = {"_target_": f"trainer.optim.schedules.{TARGETS[name]}", **keys}
    schedule = build_schedule(spec, LR)
    assert schedule is not None
    return schedule(StepCounts(steps, per_epoch), lambda: ())


KEYS: Mapping[str, Mapping[str, Any]] = {
    "constant": {},
    "cosine": {"min_lr": 0.04},
    "linear": {"min_lr": 0.04},
    "polynomial": {"power": 1.5, "min_lr": 0.04},
    "step": {"decay_epochs": 2},
    "multi_step": {"milestones": [1, 2.5]},
    "exponential": {"decay_epochs": 1},
    "inverse_sqrt": {"decay_epochs": 1},
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_it_starts_at_the_learning_rate_and_never_rises(name: str, steps: int) -> None:
    factor = factor_of(name, steps, **KEYS[name])
    factors = [factor(step) for step in range(steps)]
    assert factors[0] == 1
    assert sorted(factors, reverse=True) == factors
    assert all(0 <= each <= 1 for each in factors)


@pytest.mark.parametrize("name", KEYS)
def test_a_warm_up_comes_first_and_the_schedule_gets_the_rest(name: str) -> None:
    plain = factor_of(name, 20, **KEYS[name])
    warmed = factor_of(name, 25, **KEYS[name], warmup_epochs=0.5, warmup_factor=0.2)
    expected = [0.2, 0.36, 0.52, 0.68, 0.84]
    assert [warmed(step) for step in range(5)] == pytest.approx(expected, abs=1e-15)
    assert [warmed(step) for step in range(5, 25)] == [plain(step) for step in range(20)]


def test_a_warm_up_in_steps_is_that_in_epochs() -> None:
    steps = factor_of("cosine", 30, warmup_steps=15, warmup_epochs=None, warmup_factor=0.0)
    epochs = factor_of("cosine", 30, warmup_epochs=1.5, warmup_factor=0.0)
    assert [steps(step) for step in range(30)] == [epochs(step) for step in range(30)]


@pytest.mark.parametrize("name", ["cosine", "linear", "polynomial"])
@pytest.mark.parametrize("steps", [1, 5, 1000])
def test_the_least_rate_belongs_to_the_step_after_the_last(name: str, steps: int) -> None:
    factor = factor_of(name, steps, **KEYS[name])
    assert factor(steps) == pytest.approx(0.1, abs=1e-15)
    assert factor(steps - 1) > 0.1
    assert factor(steps + 5) == factor(steps), "a run that goes on longer does not rise again"


def test_a_step_falls_exactly_at_its_boundaries() -> None:
    factor = factor_of("step", 60, decay_epochs=2, decay_rate=0.5)
    assert [factor(step) for step in (0, 19, 20, 39, 40, 59)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_fraction_of_an_epoch_is_rounded_to_steps() -> None:
    factor = factor_of("step", 30, decay_epochs=0.26, decay_rate=0.5)
    assert [factor(step) for step in (2, 3, 5, 6)] == [1, 0.5, 0.5, 0.25]
    least = factor_of("step", 30, decay_epochs=0.001, decay_rate=0.5)
    assert least(1) == 0.5, "at least one step"


def test_a_milestone_falls_exactly_at_its_step() -> None:
    factor = factor_of("multi_step", 60, milestones=[1, 2.5], decay_rate=0.1)
    assert [factor(step) for step in (9, 10, 24)] == [1, 0.1, 0.1]
    assert factor(25) == pytest.approx(0.01, abs=1e-17)


def test_the_least_rate_is_a_floor_of_what_would_fall_on() -> None:
    keys: dict[str, Any] = {"decay_epochs": 1, "decay_rate": 0.1, "min_lr": 0.1}
    for name in ("step", "exponential"):
        assert factor_of(name, 60, **keys)(59) == 0.25


def test_the_inverse_root_falls_from_the_end_of_the_warm_up() -> None:
    factor = factor_of("inverse_sqrt", 100, warmup_steps=8, decay_epochs=None)
    assert [factor(8), factor(16), factor(32)] == [1, math.sqrt(0.5), 0.5]


def test_without_a_warm_up_an_epoch_takes_its_place() -> None:
    factor = factor_of("inverse_sqrt", 100, decay_epochs=None)
    assert (factor(0), factor(30)) == (1, 0.5)


def test_one_cycle_ends_at_its_least_rate() -> None:
    factor = factor_of("one_cycle", 50, pct_start=0.2, div_factor=10.0, final_div_factor=100.0)
    assert factor(0) == pytest.approx(0.1, abs=1e-15)
    assert factor(9) == 1
    assert max(factor(8), factor(10)) < 1
    assert factor(49) == pytest.approx(0.001, abs=1e-15)


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_one_cycle_of_few_steps_stays_within_its_range(steps: int) -> None:
    factor = factor_of("one_cycle", steps, pct_start=0.1)
    assert all(0 < factor(step) <= 1 for step in range(steps))


def test_a_learning_rate_of_0_has_no_least_one() -> None:
    spec = {"_target_": "trainer.optim.schedules.cosine.cosine", "min_lr": 0.0}
    schedule = build_schedule(spec, 0.0)
    assert schedule is not None
    assert schedule(StepCounts(2, 2), lambda: ())(1) == 0.5


def test_a_key_that_a_schedule_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.power: unknown key of .*min_lr"):
        factor_of("cosine", 10, power=2.0)

"""A plateau's factor is a function of the history of monitored values."""

import math

import pytest

from trainer.optim.schedule import StepCounts, build_schedule
from trainer.optim.schedules.plateau import plateau

FLAT = [1.0] * 12


def test_nothing_monitored_is_no_reduction() -> None:
    assert plateau([]) == 1


@pytest.mark.parametrize(("patience", "factors"), [(0, [1, 0.1, 0.01]), (2, [1, 1, 1, 0.1])])
def test_it_is_reduced_after_more_than_patience_bad_values(
    patience: int, factors: list[float]
) -> None:
    received = [plateau(FLAT[:n], patience=patience) for n in range(1, len(factors) + 1)]
    assert received == pytest.approx(factors)


def test_an_improvement_starts_the_count_again() -> None:
    assert plateau([1.0, 1.0, 0.5, 0.5, 0.5], patience=2) == 1


def test_more_is_better_if_the_mode_says_so() -> None:
    rising = [0.1, 0.2, 0.3, 0.4]
    assert plateau(rising, mode="max", patience=0) == 1
    assert plateau(rising, mode="min", patience=0) == pytest.approx(0.1**3)


def test_a_value_that_is_not_a_number_is_no_improvement() -> None:
    assert plateau([1.0, math.nan, math.nan], patience=1) == 0.1


def test_evaluations_of_the_cooldown_do_not_count() -> None:
    assert plateau(FLAT[:4], patience=0, cooldown=2) == 0.1
    assert plateau(FLAT[:5], patience=0, cooldown=2) == pytest.approx(0.01)


def test_it_stops_at_the_least_factor() -> None:
    assert plateau(FLAT, patience=0, min_factor=0.05) == 0.05


def test_the_schedule_reads_the_history_after_its_warm_up_only() -> None:
    spec = {
        "_target_": "trainer.optim.schedules.plateau.plateau",
        "patience": 0,
        "decay_rate": 0.5,
        "min_lr": 0.0,
        "warmup_steps": 4,
        "warmup_factor": 0.0,
    }
    schedule = build_schedule(spec, 0.1)
    assert schedule is not None
    history = [(2, 1.0), (4, 1.0)]
    factor = schedule(StepCounts(20, 2), lambda: history)
    assert [factor(step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    history += [(6, 1.0), (8, 1.0)]
    assert factor(8) == 0.5

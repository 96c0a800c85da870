"""The rates of a range test, and what it suggests for losses of a known form."""

import math

import numpy as np
import pytest

from trainer.optim.range_test import (
    growing_rates,
    has_diverged,
    smoothed,
    steepest,
    valley,
)

RATES = growing_rates(1e-6, 10, 71)  # ten per decade


def test_each_rate_is_the_one_before_times_the_same_number() -> None:
    assert (RATES[0], RATES[-1]) == (1e-6, pytest.approx(10))
    assert RATES[1:] / RATES[:-1] == pytest.approx(10**0.1)


def test_smoothing_has_no_bias_at_the_beginning() -> None:
    assert smoothed([2.0] * 50) == pytest.approx(2.0)
    assert smoothed([1.0, 3.0]) == pytest.approx([1.0, (0.09 + 0.3) / 0.19])


def falling(at: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A loss that falls from 2 to 1 around a rate, and rises beyond 1."""
    distance = np.log10(RATES) - math.log10(at)
    return 1.5 - 0.5 * np.tanh(2 * distance) + np.where(RATES > 1, RATES, 0)


@pytest.mark.parametrize("at", [1e-4, 1e-3, 1e-2])
def test_the_steepest_rate_is_where_the_loss_falls_fastest(at: float) -> None:
    rate = steepest(RATES, falling(at))
    assert rate is not None
    assert abs(math.log10(rate / at)) <= 0.11


def test_a_fall_behind_the_least_loss_does_not_count() -> None:
    curve = falling(1e-3)
    curve[-5:] = [30, 20, 10, 5, 4]
    assert steepest(RATES, curve) == steepest(RATES, falling(1e-3))


def test_the_valley_is_in_the_middle_of_the_longest_fall() -> None:
    curve = np.concatenate([np.full(20, 2.0), np.linspace(2, 1, 31), np.linspace(1.1, 3, 20)])
    rate = valley(RATES, curve)
    assert rate is not None
    assert list(RATES).index(rate) in (35, 36)


@pytest.mark.parametrize("suggest", [steepest, valley])
def test_a_loss_that_does_not_fall_suggests_nothing(suggest: object) -> None:
    assert callable(suggest)
    assert suggest(RATES, np.linspace(1, 2, len(RATES))) is None
    assert suggest(RATES, np.full(len(RATES), 2.0)) is None


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ([1.0, 0.5, 0.6], False),
        ([1.0, 0.5, math.nan], True),
        ([1.0, math.inf], True),
        ([1.0] + [0.1] * 40 + [4.0], True),
        ([-1.0] * 20 + [0.0], False),
    ],
)
def test_it_ends_where_the_loss_is_four_times_the_least(
    losses: list[float], diverged: bool
) -> None:
    assert has_diverged(losses) is diverged

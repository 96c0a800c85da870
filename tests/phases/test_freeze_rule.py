"""Which front stages have settled."""

import math

import pytest

from trainer.phases.adaptive import StageUpdate
from trainer.phases.freeze_rule import FreezeRule, relative_changes


def update(epochs: int, *norms: float, rate: float = 1.0) -> StageUpdate:
    return StageUpdate(epochs, norms, rate)


SETTLED = [update(2, 4.0, 4.0, 4.0, 4.0), update(3, 3.96, 3.6, 2.0, 1.0)]  # 1, 10, 50, 75 %


def test_the_front_stages_with_the_least_changes_are_frozen() -> None:
    choice = FreezeRule(50, None)(0, 3, SETTLED)
    assert choice is not None
    assert choice.index == 2, "half of the four stages"
    assert "by at most 10%" in choice.reason


@pytest.mark.parametrize(("percentile", "index"), [(0, 1), (50, 2), (100, 3)])
def test_the_percentile_says_how_many(percentile: float, index: int) -> None:
    choice = FreezeRule(percentile, None)(0, 3, SETTLED)
    assert choice is not None
    assert choice.index == index, "of the last stage nothing is frozen"


def test_a_front_stage_that_still_changes_keeps_those_behind_it_from_being_frozen() -> None:
    moving = [update(2, 4.0, 4.0, 4.0), update(3, 1.0, 4.0, 4.0)]
    assert FreezeRule(50, None)(0, 2, moving) is None


def test_frozen_stages_are_not_compared() -> None:
    later = [update(4, 0.0, 4.0, 4.0, 4.0), update(5, 0.0, 3.9, 2.0, 1.0)]
    choice = FreezeRule(50, None)(1, 3, later)
    assert choice is not None
    assert choice.index == 3


@pytest.mark.parametrize(
    ("rule", "epoch", "decides"),
    [
        (FreezeRule(tolerance=None), 2, True),
        (FreezeRule(tolerance=None, first_epoch=4), 3, False),
        (FreezeRule(tolerance=None, first_epoch=4), 4, True),
        (FreezeRule(tolerance=None, first_epoch=2, every_epochs=3), 4, False),
        (FreezeRule(tolerance=None, first_epoch=2, every_epochs=3), 5, True),
    ],
)
def test_when_it_decides(rule: FreezeRule, epoch: int, decides: bool) -> None:
    updates = [update(epoch - 1, 4.0, 4.0, 4.0), update(epoch, 4.0, 3.0, 1.0)]
    assert bool(rule(0, 2, updates)) == decides


def test_one_epoch_is_not_enough() -> None:
    assert FreezeRule(50, None)(0, 3, SETTLED[:1]) is None


def test_the_limit_is_kept() -> None:
    choice = FreezeRule(100, None)(0, 1, SETTLED)
    assert choice is not None
    assert choice.index == 1
    assert FreezeRule(100, None)(1, 1, SETTLED) is None


def test_a_lower_learning_rate_is_no_settling() -> None:
    before, after = update(1, 4.0, 4.0, rate=2.0), update(2, 2.0, 1.0, rate=1.0)
    assert relative_changes(before, after, 0) == [0.0, 0.5]


def test_what_has_not_moved_before_has_not_settled() -> None:
    assert relative_changes(update(1, 0.0, 1.0), update(2, 1.0, 1.0), 0) == [math.inf, 0.0]


@pytest.mark.parametrize(("tolerance", "index"), [(0.005, None), (0.02, 1), (0.1, 2), (0.9, 2)])
def test_a_stage_that_changes_more_than_the_tolerance_has_not_settled(
    tolerance: float, index: int | None
) -> None:
    choice = FreezeRule(50, tolerance)(0, 3, SETTLED)
    assert (choice.index if choice else None) == index

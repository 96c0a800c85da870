"""Frozen tensors compared: what is equal, how far one has moved, and the row for proof.json."""

from collections.abc import Collection

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.core.tensors import Weights, sha256
from trainer.freezing import proof
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan

FROZEN = ParameterPlan("a.weight", (5_000,), 20_000, "frozen", "a")
PLAN = Plan((FROZEN, ParameterPlan("b.weight", (1,), 4, "trainable")))
START = np.random.default_rng(0).normal(size=5_000).astype(np.float32)


def compared(
    after: NDArray[np.float32], plan: Plan = PLAN, optimized: Collection[str] = ()
) -> proof.TensorComparison:
    start: Weights = {p.name: START for p in plan.parameters}
    end: Weights = {p.name: after for p in plan.parameters}
    (comparison,) = proof.compare(plan, start, end, optimized)
    return comparison


def test_only_frozen_tensors_are_compared_and_equal_ones_have_no_cause() -> None:
    tensor = compared(START.copy())
    assert (tensor.name, tensor.equal, tensor.change, tensor.cause) == ("a.weight", True, 0.0, "")
    assert proof.moved([tensor]) == {}
    assert proof.as_row(tensor, "hash") == {
        "name": "a.weight",
        "sha256_before": "hash",
        "sha256_after": "hash",
        "largest_change": 0.0,
        "equal": True,
    }


@pytest.mark.parametrize("place", [0, 1_023, 1_024, 4_999])
def test_one_bit_of_any_value_counts(place: int) -> None:
    after = START.copy()
    after[place] = np.nextafter(after[place], np.float32(9))
    tensor = compared(after)
    assert not tensor.equal
    assert tensor.change == abs(float(after[place]) - float(START[place])) > 0
    row = proof.as_row(tensor, sha256(START))
    assert (row["sha256_before"], row["sha256_after"]) == (sha256(START), sha256(after))
    assert row["likely_cause"] == tensor.cause


def test_the_cause_is_that_of_the_optimizer_a_statistic_or_neither() -> None:
    after = START + np.random.default_rng(1).normal(size=5_000).astype(np.float32)
    statistic = Plan((ParameterPlan("a.weight", (5_000,), 20_000, "frozen", STATISTICS),))
    named = Plan((ParameterPlan("a.moving_mean", (5_000,), 20_000, "frozen", "a"),))
    assert compared(after).cause.startswith("not known")
    for by in ("a", "upstream of the cut", "zzz", STATISTICS[:-1]):
        other = Plan((ParameterPlan("a.weight", (5_000,), 20_000, "frozen", by),))
        assert compared(after, other).cause.startswith("not known")
    assert compared(after, optimized={"b.weight"}).cause.startswith("not known")
    assert compared(after, optimized={"a.weight"}).cause.startswith("the optimizer was given it;")
    assert "a normalisation layer ran" in compared(after, statistic).cause
    assert "a normalisation layer ran" in compared(after, named).cause


def test_trainable_parameters_that_are_still_as_at_the_start() -> None:
    start: Weights = {"a.weight": START, "b.weight": np.zeros(1, np.float32)}
    assert proof.unchanged_trainable(PLAN, start, dict(start)) == ["b.weight"]
    assert proof.unchanged_trainable(PLAN, {}, dict(start)) == []
    now = {**start, "b.weight": np.array([-0.0], np.float32)}
    assert proof.unchanged_trainable(PLAN, start, now) == []

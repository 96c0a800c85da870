"""Runs of several phases equal a PyTorch loop that sets ``requires_grad`` between its phases."""

import importlib.util
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "torch", reason="parity is not tested: PyTorch is not installed, see CONTRIBUTING.md"
)
from tests.parity.phases import (
    MODULES,
    OPTIMIZERS,
    Case,
    Part,
    apart,
    frozen_again,
    head_top_all,
    ours,
    start,
    theirs,
)
from trainer.core.tensors import Weights, same_bits

pytestmark = [pytest.mark.parity, pytest.mark.slow]  # whole runs, some seconds each

TOLERANCE = 1e-4  # of a tensor's largest value, after each of 300 steps; 1e-5 was measured
SEEN = 30 * TOLERANCE
RECIPE: dict[str, Any] = {"lr_factor": 0.5, "warmup_epochs": 0.4}
LATE = Case((Part(200, MODULES[:3]), Part(100, ("stem",))))


def assert_equal(case: Case) -> None:
    assert apart(ours(case), theirs(case)) <= TOLERANCE


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_three_phases(optimizer: str) -> None:
    assert_equal(Case(head_top_all(), optimizer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_frozen_again_and_thawed_once_more(optimizer: str) -> None:
    if optimizer in ("lamb", "lion") and importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed, see CONTRIBUTING.md")
    assert_equal(Case(frozen_again(), optimizer))


@pytest.mark.parametrize("state", ["new", "reset"])
@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_each_optimizer_state(optimizer: str, state: str) -> None:
    assert_equal(Case(frozen_again(optimizer_state=state), optimizer))


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_rates_of_phases_under_a_schedule_of_the_run_with_clipping(optimizer: str) -> None:
    assert_equal(Case(head_top_all(**RECIPE), optimizer, cosine=True, clip=0.5))


def moved(weights: list[Weights], steps: int) -> float:
    """Return how far what is thawed at step 200 has moved after some more, in learning rates."""
    names = [name for name in start() if name.startswith(("body", "top")) and "moving" not in name]
    before, after = weights[199], weights[199 + steps]
    distances = [float(np.abs(np.subtract(after[k], before[k])).max()) for k in names]
    return max(distances) / OPTIMIZERS["adamw"]["lr"]


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_what_is_thawed_late_moves_as_far_as_in_pytorch_from_the_first_step(steps: int) -> None:
    own, reference = moved(ours(LATE), steps), moved(theirs(LATE), steps)
    assert own == pytest.approx(reference, rel=1e-3)
    assert own <= 1.1 * steps, "with one step count for all parameters it would be up to 2.3"


def test_batch_norm_statistics_are_constant_while_frozen_in_both() -> None:
    case = Case(head_top_all())
    for end, part in ((100, case.parts[0]), (195, case.parts[1])):
        frozen = tuple(f"{module}." for module in part.frozen)
        for name in filter(lambda name: name.startswith(frozen), start()):
            assert same_bits(start()[name], ours(case)[end - 1][name]), name
            assert same_bits(start()[name], theirs(case)[end - 1][name]), name
    statistics = [name for name in start() if "moving" in name]
    for name in statistics:
        assert not same_bits(start()[name], ours(case)[-1][name]), f"{name} moves once it trains"


def differences() -> dict[str, tuple[Case, Case]]:
    """Return pairs of cases that the tolerance has to tell apart."""
    plain, recipe = Case(frozen_again()), Case(head_top_all(**RECIPE), cosine=True, clip=0.5)
    return {
        "new": (plain, Case(frozen_again(optimizer_state="new"))),
        "reset": (plain, Case(frozen_again(optimizer_state="reset"))),
        "lr_factor": (recipe, Case(head_top_all(warmup_epochs=0.4), cosine=True, clip=0.5)),
        "warmup_epochs": (recipe, Case(head_top_all(lr_factor=0.5), cosine=True, clip=0.5)),
        "schedule": (recipe, Case(head_top_all(**RECIPE), clip=0.5)),
        "clip": (recipe, Case(head_top_all(**RECIPE), cosine=True)),
    }


@pytest.mark.parametrize("name", differences())
def test_a_difference_would_be_seen(name: str) -> None:
    one, other = differences()[name]
    assert apart(theirs(one), theirs(other)) > SEEN


def test_a_frozen_part_in_training_mode_would_be_seen() -> None:
    case = Case(head_top_all())
    assert apart(theirs(case), theirs(case, frozen_mode="train")) > SEEN

"""The shipped schedules equal PyTorch's and timm's within 1e-12 at every step."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainer.optim.schedule import StepCounts, build_schedule

pytest.importorskip(
    "torch", reason="parity is not tested: PyTorch is not installed, see CONTRIBUTING.md"
)
import torch
from torch.optim import lr_scheduler as theirs

from tests.support.torchvision_import import define_operators

pytestmark = pytest.mark.parity

LR, MIN_LR, PER_EPOCH = 0.37, 0.0123, 7
TOLERANCE = 1e-12
LENGTHS = [1, 2, 7, 63, 1000]

Make = Callable[[Any, int], Any]


def optimizer() -> Any:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)


def their_rates(make: Make, steps: int) -> list[float]:
    """The rate of each step of PyTorch's loop: the optimizer's step, then the scheduler's."""
    sgd = optimizer()
    scheduler, rates = make(sgd, steps), []
    for _ in range(steps):
        rates.append(float(sgd.param_groups[0]["lr"]))
        sgd.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # OneCycleLR's and SequentialLR's own
            if len(rates) < steps:
                scheduler.step()
    return rates


def our_rates(target: str, steps: int, **keys: Any) -> list[float]:
    schedule = build_schedule({"_target_": f"trainer.optim.schedules.{target}", **keys}, LR)
    assert schedule is not None
    factor = schedule(StepCounts(steps, PER_EPOCH), lambda: ())
    return [LR * factor(step) for step in range(steps)]


def assert_equal(ours: list[float], theirs: list[float]) -> None:
    assert len(ours) == len(theirs)
    assert np.abs(np.array(ours) - theirs).max() <= TOLERANCE


def per_epoch(scheduler: Any) -> Any:
    """A scheduler that is advanced at the end of each epoch alone."""

    class Stepper:
        count = 0

        def step(self) -> None:
            self.count += 1
            if self.count % PER_EPOCH == 0:
                scheduler.step()

    return Stepper()


CASES: dict[str, tuple[str, dict[str, Any], Make]] = {
    "cosine": (
        "cosine.cosine",
        {"min_lr": MIN_LR},
        lambda sgd, steps: theirs.CosineAnnealingLR(sgd, steps, MIN_LR),
    ),
    "linear": (
        "linear.linear",
        {"min_lr": MIN_LR},
        lambda sgd, steps: theirs.LinearLR(sgd, 1.0, MIN_LR / LR, steps),
    ),
    "polynomial": (
        "polynomial.polynomial",
        {"power": 0.9, "min_lr": 0.0},
        lambda sgd, steps: theirs.PolynomialLR(sgd, steps, 0.9),
    ),
    "step": (
        "step.step_decay",
        {"decay_epochs": 2, "decay_rate": 0.3},
        lambda sgd, steps: per_epoch(theirs.StepLR(sgd, 2, 0.3)),
    ),
    "step of half epochs": (
        "step.step_decay",
        {"decay_epochs": 1.5, "decay_rate": 0.9},
        lambda sgd, steps: theirs.StepLR(sgd, 10, 0.9),
    ),
    "multi_step": (
        "multi_step.multi_step",
        {"milestones": [1, 3, 4], "decay_rate": 0.3},
        lambda sgd, steps: per_epoch(theirs.MultiStepLR(sgd, [1, 3, 4], 0.3)),
    ),
    "exponential": (
        "exponential.exponential",
        {"decay_epochs": 1, "decay_rate": 0.95},
        lambda sgd, steps: theirs.ExponentialLR(sgd, 0.95 ** (1 / PER_EPOCH)),
    ),
    "one_cycle": (
        "one_cycle.one_cycle",
        {},
        lambda sgd, steps: theirs.OneCycleLR(sgd, LR, steps, cycle_momentum=False),
    ),
    "one_cycle, other shape": (
        "one_cycle.one_cycle",
        {"pct_start": 0.45, "div_factor": 7.0, "final_div_factor": 50.0},
        lambda sgd, steps: theirs.OneCycleLR(
            sgd,
            LR,
            steps,
            pct_start=0.45,
            div_factor=7.0,
            final_div_factor=50.0,
            cycle_momentum=False,
        ),
    ),
}
NEEDS_NO_WARM_UP = ("one_cycle", "step", "multi_step")  # the last two are advanced per epoch


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("name", CASES)
def test_each_step_has_pytorchs_rate(name: str, steps: int) -> None:
    target, keys, make = CASES[name]
    assert_equal(our_rates(target, steps, **keys), their_rates(make, steps))


@pytest.mark.parametrize("steps", LENGTHS[2:])
@pytest.mark.parametrize("first", [1, 5])
@pytest.mark.parametrize("name", [each for each in CASES if not each.startswith(NEEDS_NO_WARM_UP)])
def test_a_warm_up_is_pytorchs_sequence(name: str, first: int, steps: int) -> None:
    target, keys, make = CASES[name]
    warmup = {"warmup_steps": first, "warmup_factor": 0.05}

    def sequence(sgd: Any, steps: int) -> Any:
        rising = theirs.LinearLR(sgd, 0.05, 1.0, first)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advances its parts before the optimizer
            return theirs.SequentialLR(sgd, [rising, make(sgd, steps - first)], [first])

    assert_equal(our_rates(target, steps, **keys, **warmup), their_rates(sequence, steps))


HISTORIES = {
    "falling": list(np.linspace(1, 0.1, 60)),
    "flat": [1.0] * 60,
    "noisy": list(1 / (1 + np.arange(60)) + 0.05 * np.random.default_rng(0).normal(size=60)),
    "not a number": [1.0, float("nan"), 0.9, *[float("nan")] * 57],
}


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 3])
@pytest.mark.parametrize("name", HISTORIES)
def test_a_plateau_is_pytorchs(name: str, cooldown: int, mode: Any) -> None:
    sgd, values = optimizer(), [float(value) for value in HISTORIES[name]]
    settings: dict[str, Any] = {"patience": 2, "cooldown": cooldown, "threshold": 1e-3}
    scheduler = theirs.ReduceLROnPlateau(sgd, mode, 0.3, min_lr=1e-7, **settings)
    spec = {"_target_": "trainer.optim.schedules.plateau.plateau", "decay_rate": 0.3}
    schedule = build_schedule({**spec, **settings, "min_lr": 1e-7}, LR, mode)
    assert schedule is not None
    history: list[tuple[int, float]] = []
    factor = schedule(StepCounts(60, 1), lambda: history)
    ours, rates = [], []
    for step, value in enumerate(values, 1):
        scheduler.step(value)
        rates.append(float(sgd.param_groups[0]["lr"]))
        history.append((step, value))
        ours.append(LR * factor(step))
    assert_equal(ours, rates)


@pytest.mark.parametrize("steps", [8, 63, 1000])
@pytest.mark.parametrize("first", [0, 1, 5])
def test_a_cosine_with_warm_up_is_timms(steps: int, first: int) -> None:
    define_operators()
    timm = pytest.importorskip("timm.scheduler", reason="timm is not installed")

    sgd, rates = optimizer(), []
    scheduler = timm.CosineLRScheduler(
        sgd,
        t_initial=steps - first,
        lr_min=MIN_LR,
        warmup_t=first,
        warmup_lr_init=0.001,
        warmup_prefix=True,
        t_in_epochs=False,
    )
    for step in range(steps):
        scheduler.step_update(step)
        rates.append(float(sgd.param_groups[0]["lr"]))
    warmup = {"warmup_steps": first, "warmup_factor": 0.001 / LR}
    assert_equal(our_rates("cosine.cosine", steps, min_lr=MIN_LR, **warmup), rates)

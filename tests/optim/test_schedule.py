"""Learning-rate schedules: the factor of each step reaches the compiled graph."""

import math
from collections.abc import Callable
from typing import Any

import mindspore as ms
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import learning_rates
from trainer.core.errors import ConfigError
from trainer.engine.train_step import TrainStep
from trainer.optim.schedule import ScheduledStep, build_schedule

STEPS = 4


def cosine(step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def start(*rates: float) -> tuple[nn.Cell, nn.Optimizer, Callable[..., Tensor]]:
    ms.set_seed(0)
    model = TwoConvs()
    first, *rest = model.trainable_params()
    parts = zip(([first], rest), rates, strict=True)
    groups: list[dict[str, Any]] = [{"params": part, "lr": rate} for part, rate in parts]
    optimizer = nn.Momentum(groups, 0.1, 0.9)
    return model, optimizer, TrainStep(model.set_train(True), LOSS, optimizer)


def weights(model: nn.Cell) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in to_numpy(model).items()}


def test_each_step_has_its_rate_and_all_groups_follow() -> None:
    _, optimizer, step = start(0.1, 0.2)
    scheduled = ScheduledStep(step, optimizer, cosine, first=1, steps=STEPS)
    for number in range(1, STEPS):
        scheduled(*IMAGES)
        rates = [float(rate.asnumpy()) for rate in learning_rates(optimizer)]
        factor = cosine(number, STEPS)
        assert rates == pytest.approx([0.1 * factor, 0.2 * factor], rel=1e-6)


def test_the_weights_are_those_of_the_same_rates_without_a_schedule() -> None:
    model, optimizer, step = start(0.25, 0.5)
    scheduled = ScheduledStep(step, optimizer, lambda step, steps: 0.5, first=0, steps=STEPS)
    other, _, plain = start(0.125, 0.25)
    for _ in range(STEPS):
        scheduled(*IMAGES)
        plain(*IMAGES)
    assert weights(model) == weights(other)


def test_a_rate_that_falls_to_0_stops_the_training() -> None:
    model, optimizer, step = start(0.1, 0.1)
    scheduled = ScheduledStep(step, optimizer, lambda step, _: float(step < 2), 0, STEPS)
    seen = []
    for _ in range(STEPS):
        scheduled(*IMAGES)
        seen.append(weights(model))
    assert seen[0] != seen[1]
    assert seen[1] == seen[2] == seen[3]


def test_no_target_is_a_constant_rate() -> None:
    assert build_schedule(None) is None


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected a function of \(step, steps\), received a "):
        build_schedule({"_target_": "builtins.dict"})


def test_a_target_and_its_arguments_make_a_schedule() -> None:
    spec = {"_target_": "math.ldexp", "_partial_": True}
    schedule = build_schedule(spec)
    assert schedule is not None
    assert schedule(3, 2) == 12


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("math.sqrt", r"expected a function of \(step, steps\): "),
        ("operator.sub", "expected a factor of at least 0, received -2.0"),
    ],
)
def test_what_does_not_fit_is_found_before_training(target: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_schedule({"_target_": target, "_partial_": True})

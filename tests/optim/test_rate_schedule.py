"""The rates of each step reach the compiled graph, rounded once."""

import math
from collections.abc import Callable
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import learning_rates
from trainer.core.errors import ConfigError
from trainer.engine.optimizer_step import SingleBatchStep
from trainer.engine.step_rates import StepRates
from trainer.engine.train_step import TrainStep
from trainer.engine.update import StepOptions
from trainer.optim.rate_schedule import RateSchedule

STEPS = 4


def cosine(step: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / STEPS))


def start(
    *rates: float, takes_rates: bool = True
) -> tuple[nn.Cell, nn.Optimizer, Callable[..., Tensor]]:
    ms.set_seed(0)
    model = TwoConvs()
    first, *rest = model.trainable_params()
    parts = zip(([first], rest), rates, strict=True)
    groups: list[dict[str, Any]] = [{"params": part, "lr": rate} for part, rate in parts]
    optimizer = nn.Momentum(groups, 0.1, 0.9)
    options = StepOptions(takes_rates)
    return model, optimizer, TrainStep(model.set_train(True), LOSS, optimizer, options=options)


def rates_of(optimizer: nn.Optimizer, factor: Callable[[int], float]) -> Any:
    return RateSchedule(0.1, (1.0, 2.0), factor).of(optimizer)


def weights(model: nn.Cell) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in to_numpy(model).items()}


def test_each_step_has_its_rate_and_all_groups_follow() -> None:
    _, optimizer, step = start(0.1, 0.2)
    scheduled = SingleBatchStep(step, StepRates(rates_of(optimizer, cosine)))
    for number in range(1, STEPS):
        scheduled([IMAGES], number)
        rates = [float(rate.asnumpy()) for rate in learning_rates(optimizer)]
        factor = cosine(number)
        assert rates == pytest.approx([0.1 * factor, 0.2 * factor], rel=1e-6)


def test_the_weights_are_those_of_the_same_rates_without_a_schedule() -> None:
    model, optimizer, step = start(0.25, 0.5)
    scheduled = SingleBatchStep(step, StepRates(rates_of(optimizer, lambda step: 0.5)))
    other, _, plain = start(0.125, 0.25, takes_rates=False)
    for number in range(STEPS):
        scheduled([IMAGES], number)
        plain(*IMAGES)
    assert weights(model) == weights(other)


def test_a_rate_that_falls_to_0_stops_the_training() -> None:
    model, optimizer, step = start(0.1, 0.1)
    rates = rates_of(optimizer, lambda step: float(step < 2))
    scheduled = SingleBatchStep(step, StepRates(rates))
    seen = []
    for number in range(STEPS):
        scheduled([IMAGES], number)
        seen.append(weights(model))
    assert seen[0] != seen[1]
    assert seen[1] == seen[2] == seen[3]


def test_a_rate_is_rounded_once() -> None:
    _, optimizer, _ = start(0.1, 0.1 * 0.3)
    rates = RateSchedule(0.1, (1.0, 0.3), lambda step: 1 / 3).of(optimizer)
    assert rates(0).tolist() == [0.1 * (1 / 3), 0.1 * 0.3 * (1 / 3)]
    assert rates(0).dtype == np.float64


def test_a_constant_rate_beside_a_schedule_is_exact() -> None:
    """MindSpore computes it as rate + 1 - 1 in float32, where 1e-9 becomes 0."""
    _, optimizer, step = start(0.0123, 1e-9)
    rates = RateSchedule(0.0123, (1.0, 1e-9 / 0.0123), lambda step: 1.0).of(optimizer)
    scheduled = SingleBatchStep(step, StepRates(rates))
    scheduled([IMAGES], 0)
    present = [float(rate.asnumpy()) for rate in learning_rates(optimizer)]
    assert present == [float(np.float32(0.0123)), float(np.float32(1e-9))]


def test_a_rate_that_the_settings_do_not_give_is_the_optimizers() -> None:
    _, optimizer, _ = start(0.25, 0.75)
    assert RateSchedule(0.25, (1.0,)).of(optimizer)(0).tolist() == [0.25, 0.75]


def test_labels_name_the_factor_and_follow_the_step_taken_last() -> None:
    _, optimizer, _ = start(0.1, 0.2)
    schedule = RateSchedule(0.1, (2.0, 1.0), cosine)
    assert schedule.by_label() == {"lr_factor 2": 0.2, "lr_factor 1": 0.1}
    schedule.of(optimizer)(2)
    assert schedule.by_label() == {"lr_factor 2": 0.2 * cosine(2), "lr_factor 1": 0.1 * cosine(2)}
    assert schedule.by_label(0)["lr_factor 1"] == 0.1


def test_the_factor_of_a_phase_holds_from_its_start_on() -> None:
    schedule = RateSchedule(0.1, (1.0,), cosine, steps_taken=5)
    schedule.begin_phase((1.0,), lambda step: 0.5 if step >= 4 else -1.0)
    assert schedule.by_label() == {"lr_factor 1": 0.1 * cosine(4) * 0.5}, "of the last step"
    assert schedule.rate_at(6) == 0.1 * (cosine(6) * 0.5)
    assert schedule.scheduled_at(6) == 0.1 * cosine(6)
    assert schedule.span(8).first == 0.1, "that of the run, in which the phase is not alone"


@pytest.mark.parametrize("factor", [math.nan, -0.5, math.inf])
def test_a_factor_that_is_none_is_refused_at_its_step(factor: float) -> None:
    _, optimizer, _ = start(0.1, 0.2)
    rates = RateSchedule(0.1, (2.0, 1.0), lambda step: factor if step == 3 else 1.0).of(optimizer)
    rates(2)
    with pytest.raises(ConfigError, match="expected a factor of at least 0"):
        rates(3)

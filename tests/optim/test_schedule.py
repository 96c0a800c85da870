"""Learning-rate schedules: the factor of each step reaches the compiled graph."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import learning_rates
from trainer.engine.train_step import TrainStep
from trainer.optim.schedule import Schedule, ScheduledStep

STEPS = 4


def cosine(step: int, steps: int, min_factor: float = 0.0) -> float:
    return min_factor + (1 - min_factor) * 0.5 * (1 + math.cos(math.pi * step / steps))


def start() -> tuple[nn.Cell, nn.Optimizer, Callable[..., Tensor]]:
    model = TwoConvs()
    first, *rest = model.trainable_params()
    groups: list[dict[str, Any]] = [{"params": [first], "lr": 0.1}, {"params": rest, "lr": 0.2}]
    optimizer = nn.Momentum(groups, 0.1, 0.9)
    return model, optimizer, TrainStep(model.set_train(True), LOSS, optimizer)


def test_each_step_has_its_rate_and_all_groups_follow() -> None:
    _, optimizer, step = start()
    scheduled = ScheduledStep(step, optimizer, cosine, first=1, steps=STEPS)
    for number in range(1, STEPS):
        scheduled(*IMAGES)
        rates = {p.name: float(p.asnumpy()) for p in learning_rates(optimizer)}
        factor = cosine(number, STEPS)
        assert rates == {
            "learning_rate_group_0": np.float32(0.1) * factor or pytest.approx(0.1 * factor),
            "learning_rate_group_1": pytest.approx(0.2 * factor),
        } or rates["learning_rate_group_0"] == pytest.approx(0.1 * factor)


def trained(schedule: Schedule) -> dict[str, bytes]:
    model, optimizer, step = start()
    model.update_parameters_name("")
    scheduled = ScheduledStep(step, optimizer, schedule, first=0, steps=STEPS)
    for _ in range(STEPS):
        scheduled(*IMAGES)
    return {name: array.tobytes() for name, array in to_numpy(model).items()}

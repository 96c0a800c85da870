"""Learning-rate schedules: a factor on every learning rate, set before each step.

The factor is computed on the host in float64 and assigned to the optimizer's parameter, so that
nothing of a schedule, nor of a run's length, is in the compiled graph.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend.optimizer_state import learning_rates
from trainer.config.instantiate import instantiate_target
from trainer.core import text
from trainer.core.errors import ConfigError

# Takes the number of the step, from 0, and the number of steps of the whole run.
Schedule: TypeAlias = Callable[[int, int], float]


def build_schedule(spec: Mapping[str, Any] | None) -> Schedule | None:
    """Return the schedule that ``spec`` describes; None: the learning rate is constant.

    Raises:
        ConfigError: the target does not exist, refused its arguments, or cannot be called.
    """
    if spec is None:
        return None
    schedule = instantiate_target("schedule", spec)
    if not callable(schedule):
        received = type(schedule).__name__
        raise ConfigError(
            [f"schedule: expected a function of (step, steps), received a {received}"]
        )
    _check(schedule)
    return schedule


def _check(schedule: Schedule) -> None:
    """Call a schedule once, before anything is trained.

    Raises:
        ConfigError: it does not take (step, steps), or returns no finite number of at least 0.
    """
    try:
        factor = float(schedule(0, 2))
    except Exception as error:  # of the user's own code
        why = text.first_line(error)
        raise ConfigError([f"schedule: expected a function of (step, steps): {why}"]) from None
    if not (math.isfinite(factor) and factor >= 0):
        raise ConfigError([f"schedule: expected a factor of at least 0, received {factor}"])


class ScheduledStep:
    """A training step that sets the learning rates before it is taken.

    Args:
        step: the step.
        optimizer: its rates, as they are now, are those that the factor applies to.
        schedule: returns the factor.
        first: number of the step that is taken first, from 0.
        steps: number of steps of the whole run.
    """

    def __init__(
        self,
        step: Callable[..., Tensor],
        optimizer: nn.Optimizer,
        schedule: Schedule,
        first: int,
        steps: int,
    ) -> None:
        self._step = step
        self._rates = [(rate, float(rate.asnumpy())) for rate in learning_rates(optimizer)]
        self._schedule = schedule
        self._next = first
        self._steps = steps

    def __call__(self, *batch: Tensor) -> Tensor:
        """Set the rates, then take the step."""
        factor = float(self._schedule(self._next, self._steps))
        for parameter, rate in self._rates:
            _assign(parameter, rate * factor)
        self._next += 1
        return self._step(*batch)


def _assign(parameter: Parameter, value: float) -> None:
    ops.assign(parameter, Tensor(value, ms.float32))

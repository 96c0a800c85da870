"""Learning-rate schedules: a factor on every learning rate, for each optimizer step of a run.

The factor is computed on the host in float64, so that nothing of a schedule, nor of a run's length,
is in the compiled graph.
"""

import inspect
import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from trainer.config.instantiate import instantiate_target
from trainer.config.schedule import ScheduleKeys, is_shipped
from trainer.core import text
from trainer.core.errors import ConfigError, nearest
from trainer.optim.schedules.warmup import warmup

# The number of optimizer steps after which a value was monitored, and that value.
History: TypeAlias = Sequence[tuple[int, float]]
# The factor of an optimizer step, which is counted from 0.
Factor: TypeAlias = Callable[[int], float]

_LEAST_CHANGE = 1e-8  # of the learning rate on a plateau, as PyTorch has it


@dataclass(frozen=True)
class StepCounts:
    """How long a run is, in optimizer steps.

    Attributes:
        steps: of the whole run.
        steps_per_epoch: of an epoch.
    """

    steps: int
    steps_per_epoch: int

    def steps_of(self, epochs: float) -> int:
        """Return the nearest number of steps to a number of epochs, at least 1 unless it is 0."""
        return max(round(epochs * self.steps_per_epoch), 1) if epochs else 0


def _no_history() -> History:
    return ()


# Returns the factor of each step of a run, from its length and what it has monitored so far.
Schedule: TypeAlias = Callable[[StepCounts, Callable[[], History]], Factor]


def constant_factor(step: int) -> float:
    """Return 1, the factor of a run without a schedule."""
    return 1.0


def build_schedule(
    spec: Mapping[str, Any] | None, lr: float = 1.0, mode: str = "min"
) -> Schedule | None:
    """Return the schedule that ``spec`` describes; None: the learning rate is constant.

    Args:
        spec: ``_target_`` and its keys.
        lr: the learning rate that the factor applies to; ``min_lr`` is divided by it.
        mode: whether the least or the greatest monitored value is the best: ``min``, ``max``.

    Raises:
        ConfigError: the target does not exist, refused its arguments, or cannot be called.
    """
    if spec is None:
        return None
    schedule = _shipped(spec, lr, mode) if is_shipped(spec) else _custom(spec)
    check_factor(schedule(StepCounts(2, 2), _no_history)(0), 0)
    return schedule


def check_factor(factor: float, step: int) -> None:
    """Refuse a factor that no learning rate can be multiplied by.

    Raises:
        ConfigError: it is not finite, or below 0.
    """
    if not (math.isfinite(factor) and factor >= 0):
        expected = f"expected a factor of at least 0, received {factor} at step {step}"
        raise ConfigError([f"schedule: {expected}"])


def _custom(spec: Mapping[str, Any]) -> Schedule:
    """Return a schedule of a function of (step, steps)."""
    function = instantiate_target("schedule", spec)
    if not callable(function):
        received = type(function).__name__
        raise ConfigError(
            [f"schedule: expected a function of (step, steps), received a {received}"]
        )

    def factor(step: int, steps: int) -> float:
        try:
            return float(function(step, steps))
        except Exception as error:  # of the user's own code
            expected = "expected a function of (step, steps)"
            received = f"received an error from ({step}, {steps}): {text.first_line(error)}"
            raise ConfigError([f"schedule: {expected}, {received}"]) from None

    return lambda length, history: lambda step: factor(step, length.steps)


def _shipped(spec: Mapping[str, Any], lr: float, mode: str) -> Schedule:
    """Return a schedule of ``trainer.optim.schedules``, with its warm-up before it."""
    target = {"_target_": spec["_target_"], "_partial_": True}
    function = instantiate_target("schedule", target).func
    names = inspect.signature(function).parameters
    _check_keys(spec, names)

    def schedule(length: StepCounts, history: Callable[[], History]) -> Factor:
        first = warmup_steps(spec, length)
        after_warmup = partial(function, **_arguments(spec, lr, length, first))

        def factor(step: int) -> float:
            if step < first:
                return warmup(step, first, spec.get("warmup_factor", 0.0))
            if "history" in names:
                values = [value for at, value in history() if at > first]
                return float(after_warmup(values, mode))
            return float(after_warmup(step - first, max(length.steps - first, 1)))

        return factor

    return schedule


def warmup_steps(spec: Mapping[str, Any], length: StepCounts) -> int:
    """Return the number of steps of the warm-up."""
    steps = spec.get("warmup_steps")
    return steps if steps is not None else length.steps_of(spec.get("warmup_epochs") or 0)


def length_problems(spec: Mapping[str, Any] | None, counts: StepCounts) -> list[str]:
    """Return what of a shipped schedule lies beyond a run's last step."""
    if spec is None or not is_shipped(spec):
        return []
    first = warmup_steps(spec, counts)
    if first > counts.steps:
        expected = f"expected a warm-up of at most {counts.steps} steps, the run's"
        return [f"schedule: {expected}, received {first}"]
    milestones = [first + counts.steps_of(epochs) for epochs in spec.get("milestones") or ()]
    late = ", ".join(str(step) for step in milestones if step >= counts.steps)
    expected = f"expected milestones before the run's end after step {counts.steps}"
    return [f"schedule.milestones: {expected}, received steps {late}"] if late else []


def _check_keys(spec: Mapping[str, Any], names: Container[str]) -> None:
    """Refuse keys that were added to a shipped schedule.

    Raises:
        ConfigError: it has no such argument.
    """
    known = [key for key in ScheduleKeys.model_fields if _ARGUMENTS.get(key, key) in names]
    problems = [
        f"schedule.{key}: unknown key of {spec['_target_']}{nearest(key, known)}"
        for key in spec
        if key not in _WARMUP and _ARGUMENTS.get(key, key) not in names
    ]
    if problems:
        raise ConfigError(problems)


def _arguments(
    spec: Mapping[str, Any], lr: float, length: StepCounts, first: int
) -> dict[str, Any]:
    """Return a shipped schedule's arguments: epochs as steps, rates as factors on ``lr``."""
    arguments = {k: v for k, v in spec.items() if k not in _WARMUP and k not in _ARGUMENTS}
    if "min_lr" in spec:
        arguments["min_factor"] = spec["min_lr"] / lr if lr else 0.0
    if "decay_epochs" in spec:
        epochs = spec["decay_epochs"]
        default = first or length.steps_per_epoch
        arguments["decay_steps"] = default if epochs is None else length.steps_of(epochs)
    if "milestones" in spec:
        arguments["milestone_steps"] = [length.steps_of(epochs) for epochs in spec["milestones"]]
    if "patience" in spec:
        arguments["min_change"] = _LEAST_CHANGE / lr if lr else 0.0
    return arguments


_WARMUP = {"_target_", "warmup_epochs", "warmup_steps", "warmup_factor"}
# The argument of the function that a key becomes.
_ARGUMENTS = {
    "min_lr": "min_factor",
    "decay_epochs": "decay_steps",
    "milestones": "milestone_steps",
}

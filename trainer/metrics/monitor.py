"""Monitor: the value of an evaluation that decides what is best, and when a run ends early."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config import evaluation
from trainer.config.evaluation import ACCURACY, EMA, LOSS
from trainer.config.metrics import Mode

if TYPE_CHECKING:  # it imports MindSpore
    from trainer.metrics.evaluator import Score


@dataclass(frozen=True)
class Monitor:
    """What is monitored.

    Attributes:
        name: of the value.
        mode: whether the lowest or the highest value is the best.
    """

    name: str = LOSS
    mode: Mode = "min"

    @classmethod
    def of(cls, name: str) -> "Monitor":
        """Return the monitor of a value by its name."""
        return cls(name, evaluation.mode(name))

    def as_cost(self, value: float | None) -> float | None:
        """Return a number that is lowest for the best value; None if the value is not finite."""
        if value is None or not math.isfinite(value):
            return None
        return value if self.mode == "min" else -value


def monitored(score: "Score", name: str) -> float:
    """Return a value of a score by its name; NaN if it was not measured."""
    value = {LOSS: score.loss, ACCURACY: score.accuracy, **score.metrics}.get(name)
    return math.nan if value is None or not score.measured else float(value)


def measured(score: "Score", ema: "Score | None" = None) -> dict[str, float]:
    """Return all values of an evaluation by name.

    Args:
        score: of the weights that are trained.
        ema: of their averages; None: there are none.
    """
    values: dict[str, float] = {}
    for prefix, each in (("", score), (EMA, ema)):
        if each is not None and each.measured:
            names = [LOSS, *([] if each.accuracy is None else [ACCURACY]), *each.metrics]
            values |= {prefix + name: monitored(each, name) for name in names}
    return values


def without_improvement(values: Sequence[float], monitor: Monitor, min_delta: float = 0.0) -> int:
    """Return how many evaluations have passed since the last improvement.

    Args:
        values: of all evaluations in their order. One that is not finite is no improvement.
        monitor: what they are.
        min_delta: how much better than the best a value has to be to count as an improvement.
    """
    best, count = math.inf, 0
    for value in values:
        cost = monitor.as_cost(value)
        improves = cost is not None and (best == math.inf or cost < best - min_delta)
        best, count = (cost, 0) if improves and cost is not None else (best, count + 1)
    return count


def best_of(values: Mapping[tuple[int, int], float], monitor: Monitor) -> tuple[int, int] | None:
    """Return the key of the best value, the first of equal ones; None if none is finite."""
    costs = {key: cost for key, v in values.items() if (cost := monitor.as_cost(v)) is not None}
    return min(costs, key=lambda key: costs[key], default=None)

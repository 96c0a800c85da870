"""Plateau: the learning rate is multiplied by the decay rate when the monitored value stagnates.

``patience`` is the number of evaluations in a row without improvement that are accepted,
``threshold`` the share of the best value by which another one has to be better, ``cooldown`` the
number of evaluations after a reduction that do not count. A reduction of the factor by no more than
``min_change`` is left out.
"""

import math
from collections.abc import Sequence
from typing import Literal


def plateau(
    history: Sequence[float],
    mode: Literal["min", "max"] = "min",
    decay_rate: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    cooldown: int = 0,
    min_factor: float = 0.0,
    min_change: float = 0.0,
) -> float:
    """Return the factor that PyTorch's ``ReduceLROnPlateau`` has after a history of values.

    The history holds the monitored value of each evaluation; NaN is never an improvement.
    """
    factor, bad, waiting = 1.0, 0, 0
    best = math.inf if mode == "min" else -math.inf
    for value in history:
        improved = _is_better(value, best, mode, threshold)
        best, bad = (value, 0) if improved else (best, bad + 1)
        if waiting:
            waiting, bad = waiting - 1, 0
        if bad > patience:
            lower = max(factor * decay_rate, min_factor)
            factor = lower if factor - lower > min_change else factor
            waiting, bad = cooldown, 0
    return factor


def _is_better(value: float, best: float, mode: str, threshold: float) -> bool:
    if mode == "min":
        return value < best * (1.0 - threshold)
    return value > best * (1.0 + threshold)

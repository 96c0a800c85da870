"""The comparing half of the freeze proof: frozen tensors, bit for bit, and why one has moved.

``trainer.callbacks.freeze_proof`` is the other half: when to compare, ``proof.json``, and ranks.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.backend.graph.module_tree import is_statistic
from trainer.core.tensors import Weights, largest_change, same_bits, sha256
from trainer.freezing.drift_causes import Evidence, cause
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan


@dataclass(frozen=True)
class TensorComparison:
    """A frozen tensor, as it was and as it is.

    Attributes:
        name: dotted path of the parameter.
        before: its values when it was frozen.
        after: its values now.
        equal: whether the two have the same bits.
        change: the largest absolute difference.
        cause: why it has most likely moved; empty if it has not.
    """

    name: str
    before: NDArray[np.generic]
    after: NDArray[np.generic]
    equal: bool = True
    change: float = 0.0
    cause: str = ""


def compare(
    plan: Plan, before: Weights, after: Weights, optimized: Collection[str]
) -> list[TensorComparison]:
    """Compare all tensors that a plan freezes.

    Args:
        plan: says which tensors those are.
        before: the values when they were frozen.
        after: the values now.
        optimized: names of the parameters that the optimizer has.
    """
    return [
        _compare(parameter, before[parameter.name], after[parameter.name], optimized)
        for parameter in plan.select("frozen")
    ]


def _compare(
    parameter: ParameterPlan,
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    optimized: Collection[str],
) -> TensorComparison:
    name = parameter.name
    if same_bits(before, after):
        return TensorComparison(name, before, after)
    evidence = Evidence(
        before,
        after,
        statistic=parameter.by == STATISTICS or is_statistic(name),
        optimized_by="the optimizer was given it" if name in optimized else "",
    )
    change = largest_change(before, after)
    return TensorComparison(name, before, after, False, change, cause(evidence))


def moved(comparisons: Sequence[TensorComparison]) -> dict[str, str]:
    """Return, by name, how far and why each tensor has moved that has."""
    return {t.name: f"by {t.change:.3g}: {t.cause}" for t in comparisons if not t.equal}


def as_row(tensor: TensorComparison, sha256_before: str) -> dict[str, Any]:
    """Return a comparison as plain data, with hashes; only what has moved is hashed again."""
    row = {
        "name": tensor.name,
        "sha256_before": sha256_before,
        "sha256_after": sha256_before if tensor.equal else sha256(tensor.after),
        "largest_change": tensor.change,
        "equal": tensor.equal,
    }
    return row if tensor.equal else {**row, "likely_cause": tensor.cause}


def unchanged_trainable(plan: Plan, start: Weights, weights: Weights) -> list[str]:
    """Return the trainable parameters whose values are still those of the start."""
    names = [name for name in plan.names("trainable") if name in start]
    return [name for name in names if same_bits(start[name], weights[name])]

"""Drift causes: why a frozen tensor has changed, as far as its values show. Needs no MindSpore.

A step without a gradient moves a weight along itself (weight decay) and along the moments that its
optimizer had (momentum), and in no other direction. A change that fits neither had a gradient.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]
_UNKNOWN = "not known: neither optimizer nor statistics; something else assigned to it"
_TOLERANCE = 1e-3  # of the largest change: what rounding leaves over where the cause is right


@dataclass(frozen=True)
class Evidence:
    """What is known of one tensor.

    Attributes:
        before: its values when it was frozen.
        after: its values now.
        statistic: whether a normalisation layer updates it by itself.
        why_training: why that layer may have run in training mode; empty: not known.
        optimized_by: how an optimizer came to have it; empty: none has it.
        momentum: the direction in which that optimizer's moments pushed it when it was frozen;
            None: not known.
        why_gradient: why a gradient may have reached it; empty: not known.
        fallback: the cause to report if none of this explains the change.
    """

    before: _Array
    after: _Array
    statistic: bool = False
    why_training: str = ""
    optimized_by: str = ""
    momentum: _Array | None = None
    why_gradient: str = ""
    fallback: str = _UNKNOWN


def cause(evidence: Evidence) -> str:
    """Return the likely cause of a change, or that it is not known."""
    if evidence.optimized_by:
        return f"{evidence.optimized_by}; {_optimizer_cause(evidence)}"
    if evidence.statistic:
        return "a normalisation layer ran in training mode and updated its statistics" + _because(
            evidence.why_training
        )
    if not np.isfinite(evidence.after).all():
        return "the new values are not finite; something outside the optimizer wrote them"
    if _is_conclusive(evidence.before, evidence.after, None) and (
        factors := _fit(evidence.before, evidence.after, None)
    ):
        return f"it was scaled by {1 + factors[0]:.6g}, as weight decay does"
    return evidence.fallback


def _optimizer_cause(evidence: Evidence) -> str:
    """Return what moved a weight that an optimizer has."""
    before, after, momentum = evidence.before, evidence.after, evidence.momentum
    if not np.isfinite(after).all():
        return "its values are not finite, so its gradient was not finite either"
    if not _is_conclusive(before, after, momentum):
        return "gradient, weight decay or momentum: too little has changed to tell which"
    factors = _fit(before, after, momentum)
    if factors is None:
        return "a gradient reached it" + _because(evidence.why_gradient)
    decay, carried = factors
    parts = [f"weight decay scaled it by {1 + decay:.6g}"] if decay else []
    parts += ["momentum from before the freeze moved it further"] if carried else []
    return " and ".join(parts) + " (no gradient arrived)"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _is_conclusive(before: _Array, after: _Array, momentum: _Array | None) -> bool:
    """Tell whether there are more values than directions, and a change beyond rounding."""
    directions = 1 if momentum is None else 2
    change = np.abs(after.astype(np.float64) - before).max(initial=0.0)
    return bool(before.size > directions and change > 64 * _rounding(before))


def _fit(before: _Array, after: _Array, momentum: _Array | None) -> tuple[float, float] | None:
    """Fit a change along the tensor itself and along the momentum.

    Returns:
        The factors of the two, 0 for one that contributes less than a hundredth. None if they do
        not fit, or if the first is no decay: a decay shrinks.
    """
    change = after.astype(np.float64).ravel() - before.astype(np.float64).ravel()
    pushed = np.zeros_like(change) if momentum is None else momentum.astype(np.float64).ravel()
    directions = np.stack([before.astype(np.float64).ravel(), pushed], axis=1)
    if not directions.any() or not change.any():
        return None
    factors = np.linalg.lstsq(directions, change, rcond=None)[0]
    residual = np.abs(change - directions @ factors).max()
    if residual > _TOLERANCE * np.abs(change).max() + _rounding(before):
        return None
    shares = np.abs(directions * factors).max(axis=0) / np.abs(change).max()
    decay, carried = (float(f) if s > 0.01 else 0.0 for f, s in zip(factors, shares, strict=True))
    return (decay, carried) if -1 < decay < 0 or (carried and not decay) else None


def _rounding(before: _Array) -> float:
    """Return how much storing the values may have rounded off over a few steps."""
    dtype = before.dtype if np.issubdtype(before.dtype, np.floating) else np.float32
    return 4 * float(np.finfo(dtype).eps * np.abs(before).max(initial=0.0))

"""Causes: why a tensor that was to stay still has moved, as far as its values can tell. No graph.

A step without a gradient moves a weight along itself (weight decay) and along the moments that its
optimizer had (momentum), and in no other direction. A change that fits neither had a gradient.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]
_UNKNOWN = "not known: neither optimizer nor statistics; something else assigned to it"
_FITS = 1e-3  # of the largest change: what rounding leaves over where the cause is right


@dataclass(frozen=True)
class Evidence:
    """What is known of one tensor.

    Attributes:
        before: its values when it was frozen.
        after: its values now.
        statistic: whether a normalisation layer updates it by itself.
        running: why that layer may have run in training mode; empty: not known.
        given: how an optimizer has come by it; empty: none has it.
        push: where that optimizer's moments were pushing it when it was frozen; None: not known.
        gradient: why a gradient may have arrived; empty: not known.
        otherwise: what to say if none of this explains it.
    """

    before: _Array
    after: _Array
    statistic: bool = False
    running: str = ""
    given: str = ""
    push: _Array | None = None
    gradient: str = ""
    otherwise: str = _UNKNOWN


def cause(evidence: Evidence) -> str:
    """Return the likely cause of a change, or that it is not known."""
    if evidence.given:
        return f"{evidence.given}; {_how(evidence)}"
    if evidence.statistic:
        return "a normalisation layer ran in training mode and updated its statistics" + _why(
            evidence.running
        )
    if not np.isfinite(evidence.after).all():
        return "the new values are not finite; something outside the optimizer wrote them"
    told = _tellable(evidence.before, evidence.after, None)
    if told and (found := _drift(evidence.before, evidence.after, None)):
        return f"it was scaled by {1 + found[0]:.6g}, as weight decay does"
    return evidence.otherwise


def _how(evidence: Evidence) -> str:
    """Tell what moved a weight that an optimizer has."""
    before, after, push = evidence.before, evidence.after, evidence.push
    if not np.isfinite(after).all():
        return "its values are not finite, and so neither was its gradient"
    if not _tellable(before, after, push):
        return "gradient, weight decay or momentum: too little has changed to tell which"
    found = _drift(before, after, push)
    if found is None:
        return "a gradient reached it" + _why(evidence.gradient)
    scale, carried = found
    parts = [f"weight decay scaled it by {1 + scale:.6g}"] if scale else []
    parts += ["momentum from before it was frozen carried it on"] if carried else []
    return " and ".join(parts) + " (no gradient arrived)"


def _why(text: str) -> str:
    return f": {text}" if text else ""


def _tellable(before: _Array, after: _Array, push: _Array | None) -> bool:
    """Tell whether there are more values than directions, and a change beyond rounding."""
    directions = 1 if push is None else 2
    change = np.abs(after.astype(np.float64) - before).max(initial=0.0)
    return bool(before.size > directions and change > 64 * _rounding(before))


def _drift(before: _Array, after: _Array, push: _Array | None) -> tuple[float, float] | None:
    """Fit a change along the tensor itself and along a push.

    Returns:
        The factors of the two, 0 for one that adds less than a hundredth; None if they do not fit,
        or the first is none of a decay, which shrinks.
    """
    change = after.astype(np.float64).ravel() - before.astype(np.float64).ravel()
    pushed = np.zeros_like(change) if push is None else push.astype(np.float64).ravel()
    directions = np.stack([before.astype(np.float64).ravel(), pushed], axis=1)
    if not directions.any() or not change.any():
        return None
    factors = np.linalg.lstsq(directions, change, rcond=None)[0]
    rest = np.abs(change - directions @ factors).max()
    if rest > _FITS * np.abs(change).max() + _rounding(before):
        return None
    shares = np.abs(directions * factors).max(axis=0) / np.abs(change).max()
    scale, carried = (float(f) if s > 0.01 else 0.0 for f, s in zip(factors, shares, strict=True))
    return (scale, carried) if -1 < scale < 0 or (carried and not scale) else None


def _rounding(before: _Array) -> float:
    """Return what storing the values may have rounded off in some steps."""
    kind = before.dtype if np.issubdtype(before.dtype, np.floating) else np.float32
    return 4 * float(np.finfo(kind).eps * np.abs(before).max(initial=0.0))

"""Range test: rates that grow exponentially, the smoothed loss, and the rates that it suggests.

The form of Smith (2015, "Cyclical Learning Rates"), with the smoothing and the valley of fastai.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

_SMOOTHING = 0.9  # share of what was before in the moving average of the loss
_RISE = 3.0  # of the loss over the least one, as a share of it, at which the test ends


def growing_rates(start: float, end: float, steps: int) -> Curve:
    """Return rates of which each is the one before times the same number."""
    return np.geomspace(start, end, steps)


def smoothed(losses: Sequence[float]) -> Curve:
    """Return the exponential moving average of losses, without the bias of its first values."""
    average, curve = 0.0, []
    for count, loss in enumerate(losses, 1):
        average = _SMOOTHING * average + (1.0 - _SMOOTHING) * loss
        curve.append(average / (1.0 - _SMOOTHING**count))
    return np.array(curve)


def has_diverged(losses: Sequence[float]) -> bool:
    """Return whether the last loss is not finite, or the smoothed one is 4 times the least."""
    if not np.isfinite(losses[-1]):
        return True
    curve = smoothed(losses)
    least = float(curve.min())
    return bool(curve[-1] > least + _RISE * abs(least))


def steepest(rates: Curve, curve: Curve) -> float | None:
    """Return the rate at which the smoothed loss falls fastest before it is least; None: nowhere.

    The fall is measured over a tenth of the steps, so that noise is not taken for it. Behind the
    least loss there may be another one, after the loss has diverged.
    """
    width = max(len(curve) // 10, 2)
    before_least = curve[: int(np.argmin(curve)) + 1]
    falls = before_least[width:] - before_least[:-width]  # the logarithms are evenly spaced
    if not (falls < 0).any():
        return None
    return float(rates[int(np.argmin(falls)) + width // 2])


def valley(rates: Curve, curve: Curve) -> float | None:
    """Return the rate in the middle of the longest fall of the smoothed loss; None: it has none.

    The longest fall is the longest subsequence of losses of which each is below the one before.
    """
    lengths = np.ones(len(curve), int)
    for end in range(1, len(curve)):
        below = lengths[:end][curve[:end] > curve[end]]
        lengths[end] = 1 + below.max(initial=0)
    end = int(np.argmax(lengths))
    if lengths[end] < 3:
        return None
    return float(rates[end - int(lengths[end]) // 2])

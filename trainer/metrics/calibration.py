"""Calibration: whether predictions of some probability are right as often as that."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.core.plotting import FROZEN, PALE
from trainer.losses.activation import Activation, activate
from trainer.metrics.classification import predictions

BINS = 15  # as in Guo et al. 2017, On Calibration of Modern Neural Networks
_EDGES = np.linspace(0, 1, BINS + 1)


class Calibration:
    """Counts predictions by the probability of the predicted class, one call per batch.

    The bins are those of scikit-learn's ``calibration_curve``: of equal width, without the lower
    bound and with the upper one.

    Args:
        activation: how scores become probabilities.
    """

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self._sums = np.zeros((3, BINS))  # samples, their probabilities, right predictions

    def __call__(self, scores: NDArray[Any], labels: NDArray[Any]) -> None:
        """Count a batch; predictions whose probability is not finite have no bin.

        Args:
            scores: [N, classes, ...]; the highest is the prediction.
            labels: [N, ...], 0 to classes - 1.
        """
        top = activate(self._activation, scores).max(axis=1).ravel()
        right = (predictions(scores) == labels).ravel()
        known = np.isfinite(top)
        places = np.searchsorted(_EDGES[1:-1], top[known])
        for row, weights in enumerate((None, top[known], right[known])):
            self._sums[row] += np.bincount(places, weights, BINS)

    @property
    def samples(self) -> NDArray[np.int64]:
        """Number of predictions in each bin."""
        return self._sums[0].astype(np.int64)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Mean probability of the predictions in each bin; NaN in an empty one."""
        return self._mean(1)

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of right predictions in each bin; NaN in an empty one."""
        return self._mean(2)

    @property
    def error(self) -> float:
        """The expected calibration error.

        The mean difference of accuracy and confidence over the bins, weighted by their samples.
        """
        total = self._sums[0].sum()
        return float(np.abs(self._sums[2] - self._sums[1]).sum() / total) if total else np.nan

    def _mean(self, row: int) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            mean: NDArray[np.float64] = self._sums[row] / self._sums[0]
        return mean


def rows(calibration: Calibration) -> list[dict[str, Any]]:
    """Return a record for each bin; None: it is empty."""
    columns = calibration.samples, calibration.confidence, calibration.accuracy
    return [
        {
            "above": round(float(low), 6),
            "to": round(float(high), 6),
            "samples": int(samples),
            "confidence": float(confidence) if samples else None,
            "accuracy": float(accuracy) if samples else None,
        }
        for low, high, samples, confidence, accuracy in zip(
            _EDGES[:-1], _EDGES[1:], *columns, strict=True
        )
    ]


def figure(calibration: Calibration) -> Figure:
    """Return the picture: accuracy by confidence, and how many predictions each bin has."""
    picture = Figure(figsize=(4.8, 5.6), dpi=120, layout="constrained")
    curve, counts = picture.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    _draw_curve(curve, calibration)
    counts.bar(_EDGES[:-1], calibration.samples, 1 / BINS, align="edge", color=PALE, edgecolor="w")
    counts.set(xlabel="probability of the predicted class", ylabel="predictions", xlim=(0, 1))
    error = f"expected calibration error {100 * calibration.error:.2f} %"
    total = calibration.samples.sum()
    curve.set_title(f"{error}\n{total:,} predictions in {BINS} bins", fontsize=10)
    picture.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return picture


def _draw_curve(axes: Axes, calibration: Calibration) -> None:
    """Draw a bar for each bin, up to its accuracy, and the mean probability of each as a point."""
    filled = calibration.samples > 0
    accuracy = calibration.accuracy[filled]
    axes.bar(_EDGES[:-1][filled], accuracy, 1 / BINS, align="edge", color=PALE, edgecolor="w")
    axes.plot([0, 1], [0, 1], ls="--", lw=1, color="grey", label="perfect calibration")
    axes.plot(calibration.confidence[filled], accuracy, "o-", ms=4, color=FROZEN, label="model")
    axes.set(ylabel="share of correct predictions", ylim=(0, 1.03))

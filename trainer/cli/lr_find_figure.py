"""Learning-rate figure: the loss over the learning rate, with the suggested rates."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from trainer.core.plotting import FROZEN, PALE
from trainer.optim.range_test import Curve

_COLORS = {"steepest": "#b03a2e", "valley": "#e08a3c"}


def lr_find_figure(
    rates: Curve, losses: Curve, smoothed: Curve, suggestions: Mapping[str, float | None]
) -> Figure:
    """Return the picture of a range test.

    Args:
        rates: the rates that were tried.
        losses: the loss before each step.
        smoothed: their moving average; without a last one that is not finite.
        suggestions: rates by name; None is left out.
    """
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, ".", color=PALE, markersize=5, label="loss of each step")
    axes.plot(rates[: len(smoothed)], smoothed, color=FROZEN, label="smoothed")
    for name, rate in suggestions.items():
        if rate is not None:
            axes.axvline(rate, color=_COLORS[name], linestyle="--", label=f"{name}: {rate:.2g}")
    low, high = float(smoothed.min()), float(np.quantile(smoothed, 0.95))
    margin = 0.1 * (high - low) or 1.0
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    axes.set_ylim(low - margin, high + 3 * margin)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return figure

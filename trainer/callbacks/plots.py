"""Plots: how far every layer has moved, and the curves of loss and accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from trainer.callbacks import metrics_jsonl
from trainer.core.plotting import FROZEN, PALE, save
from trainer.core.run_files import CURVES_PICTURE, METRICS, WEIGHTS_PICTURE
from trainer.engine.callback import Callback

Record: TypeAlias = Mapping[str, Any]  # a line of metrics.jsonl
_MOST_ROWS = 60  # more names than that cannot be read; they are grouped by cell


class Plots(Callback):
    """Draws ``weights.png`` and ``curves.png`` of ``metrics.jsonl`` when the run is over.

    Args:
        folder: where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_run_end(self, done: bool) -> None:
        """Draw, if at least one epoch was trained."""
        records = metrics_jsonl.read(self._folder / METRICS)
        if len(records) > 1:
            save(weights_figure(records), self._folder / WEIGHTS_PICTURE)
            save(curves_figure(records), self._folder / CURVES_PICTURE)


def weights_figure(records: Sequence[Record]) -> Figure:
    """Return the picture of layers by epochs; colour is the mean change since the start.

    A frozen row is hatched where it has not moved; where it has, its colour shows.
    """
    names, frozen, grid = changes(records)
    rows, columns = grid.shape
    figure = Figure(figsize=(min(14, 5.2 + 0.3 * columns), 1.4 + 0.27 * rows), dpi=120)
    axes = figure.add_subplot()
    moved = grid[(grid > 0) & np.isfinite(grid)]
    if moved.size:
        image = axes.imshow(
            np.ma.masked_where(~(grid > 0) | ~np.isfinite(grid), grid),
            aspect="auto",
            cmap="YlOrRd",
            norm=LogNorm(moved.min(), max(moved.max(), 1.01 * moved.min())),
            extent=(0.5, columns + 0.5, rows - 0.5, -0.5),
            interpolation="nearest",
        )
        figure.colorbar(image, label="mean |change| since the start")
    _mark_frozen(axes, names, frozen, grid)
    axes.set(xlim=(0.5, columns + 0.5), ylim=(rows - 0.5, -0.5), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(_title(frozen, grid), fontsize=10)
    figure.tight_layout()
    return figure


def changes(records: Sequence[Record]) -> tuple[list[str], list[bool], NDArray[np.float64]]:
    """Return names, which are frozen, and the mean changes (names by epochs, epoch 0 left out)."""
    rows = records[-1]["weights"]
    key = "name" if len(rows) <= _MOST_ROWS else "cell"
    labels = [_label(str(row["name"]), key) for row in rows]
    names = list(dict.fromkeys(labels))
    grid = np.zeros((len(names), len(records) - 1))
    frozen = dict.fromkeys(names, True)
    for column, record in enumerate(records[1:]):
        for label, row in zip(labels, record["weights"], strict=True):
            place = names.index(label)
            change = float(row["mean_since_start"])  # NaN: not known, or not finite
            grid[place, column] = np.maximum(grid[place, column], change)
            frozen[label] &= row["state"] == "frozen"
    return names, list(frozen.values()), grid


def curves_figure(records: Sequence[Record]) -> Figure:
    """Return the picture of loss and, where labels are classes, accuracy by epochs."""
    scored = records[0]["accuracy"] is not None
    figure = Figure(figsize=(9 if scored else 5, 3.6), dpi=120)
    panels = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    numbers = [record["epoch"] for record in records]
    losses = [np.nan if record["loss"] is None else record["loss"] for record in records]
    panels[0].plot(numbers, losses, marker="o", markersize=4, label="training, mean of the epoch")
    if records[0]["validation_loss"] is not None:
        validation = [float(record["validation_loss"]) for record in records]
        panels[0].plot(numbers, validation, marker="s", markersize=4, label="validation")
    panels[0].set(xlabel="epoch", ylabel="loss")
    panels[0].legend(frameon=False, fontsize=8)
    if scored:
        accuracy = [100 * (record["accuracy"] or 0.0) for record in records]
        panels[1].plot(numbers, accuracy, marker="s", markersize=4, color="C1")
        panels[1].set_title(f"{accuracy[-1]:.1f} % at the end", fontsize=10)
        panels[1].set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(0, 103))
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    figure.tight_layout()
    return figure


def _mark_frozen(
    axes: Axes, names: Sequence[str], frozen: Sequence[bool], grid: NDArray[np.float64]
) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for row, (label, still) in enumerate(zip(axes.get_yticklabels(), frozen, strict=True)):
        if still:
            label.set_color(FROZEN)
            columns = [column for column in range(grid.shape[1]) if grid[row, column] == 0]
            place = [column + 0.5 for column in columns]
            for bar in axes.barh([row] * len(columns), 1, 0.9, place, color=PALE, linewidth=0):
                bar.set(edgecolor=FROZEN, hatch="///")


def _title(frozen: Sequence[bool], grid: NDArray[np.float64]) -> str:
    moved = sum(still and bool((grid[row] > 0).any()) for row, still in enumerate(frozen))
    unknown = sum(still and bool(np.isnan(grid[row]).any()) for row, still in enumerate(frozen))
    proof = f"{unknown} of them not known" if unknown else "none of them moved"
    proof = f"{moved} of them MOVED" if moved else proof
    return (
        f"{sum(frozen)} of {len(frozen)} frozen (hatched): {proof}"
        if any(frozen)
        else "none frozen"
    )


def _label(name: str, key: str) -> str:
    return name if key == "name" else name.rpartition(".")[0] or name

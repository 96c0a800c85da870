"""Plots: how far every layer has moved, and the curves of loss and accuracy."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from trainer.backend.graph.module_tree import is_statistic
from trainer.callbacks import metrics_jsonl, phase_marks
from trainer.callbacks.phase_marks import Marks
from trainer.core.plotting import FROZEN, PALE, save
from trainer.core.run_files import CURVES_PICTURE, METRICS, PROOF, WEIGHTS_PICTURE
from trainer.engine.callback import Callback

Record: TypeAlias = Mapping[str, Any]  # a line of metrics.jsonl
Frozen: TypeAlias = NDArray[np.bool_]  # names by epochs
Changes: TypeAlias = tuple[list[str], Frozen, NDArray[np.float64]]
_MOST_ROWS = 60  # of a panel; more names than that cannot be read and are grouped by cell
_MOST_NAMED = 6  # learning rates in a legend
_FEWEST_ROWS = 8  # beside which the whole label of the scale fits


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
            marks = phase_marks.read(self._folder / PROOF, records)
            save(weights_figure(records, marks), self._folder / WEIGHTS_PICTURE)
            save(curves_figure(records, marks), self._folder / CURVES_PICTURE)


def weights_figure(records: Sequence[Record], marks: Marks = ()) -> Figure:
    """Return the picture of layers by epochs; colour is the mean change since the start.

    Running statistics change by far more than weights, and have a panel and a scale of their own.
    A row that is frozen throughout is hatched where it has not moved; where it has, its colour
    shows. A row that is frozen in some phases is hatched in their epochs.
    """
    parts = [changes(records, statistics) for statistics in (False, True)]
    panels = [part for part in parts if part[0]]
    heights = [len(names) for names, _, _ in panels]
    columns = len(records) - 1
    size = min(14, 6 + 0.3 * columns), 1.2 + 0.27 * max(sum(heights), 5) + 0.4 * len(heights)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    ratios = [max(height, 2) for height in heights]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for axis, (names, frozen, grid), label in zip(axes, panels, _panel_labels(parts), strict=True):
        _draw_changes(figure, axis, grid, label)
        _mark_frozen(axis, names, frozen, grid)
        for _, start in marks[1:]:  # a column spans the epoch before its number
            axis.axvline(start + 0.5, color="0.3", linestyle="--", linewidth=0.8)
    axes[-1].set_xlabel("epoch")
    frozen_rows = [bool(row.all()) for _, frozen, _ in panels for row in frozen]
    grids = np.concatenate([grid for _, _, grid in panels])
    axes[0].set_title(_title(frozen_rows, grids, marks), fontsize=10)
    return figure


def _panel_labels(parts: Sequence[Changes]) -> list[str]:
    labels = ("weights", "running statistics")
    return [label for label, (names, _, _) in zip(labels, parts, strict=True) if names]


def _draw_changes(figure: Figure, axes: Axes, grid: NDArray[np.float64], label: str) -> None:
    """Draw the changes of one panel in colours, with their scale."""
    rows, columns = grid.shape
    is_drawn = (grid > 0) & np.isfinite(grid)
    if moved := grid[is_drawn].tolist():
        image = axes.imshow(
            np.ma.masked_where(~is_drawn, grid),
            aspect="auto",
            cmap="YlOrRd",
            norm=LogNorm(min(moved), max(*moved, 1.01 * min(moved))),
            extent=(0.5, columns + 0.5, rows - 0.5, -0.5),
            interpolation="nearest",
        )
        scale = figure.colorbar(image, ax=axes, aspect=max(8, 1.2 * rows))
        scale.set_label(
            "mean |change|" if rows < _FEWEST_ROWS else f"{label}: mean |change| since the start"
        )
    axes.set(xlim=(0.5, columns + 0.5), ylim=(rows - 0.5, -0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def changes(records: Sequence[Record], statistics: bool | None = None) -> Changes:
    """Return names, which is frozen when, and the mean changes (names by epochs, without epoch 0).

    Args:
        records: lines of ``metrics.jsonl``.
        statistics: whether to return running statistics alone, or all else; None: everything.
    """
    rows = records[-1]["weights"]
    places = [n for n, row in enumerate(rows) if statistics in (None, is_statistic(row["name"]))]
    labels = _group([str(rows[place]["name"]) for place in places])
    names = list(dict.fromkeys(labels))
    grid = np.zeros((len(names), len(records) - 1))
    frozen = np.ones(grid.shape, np.bool_)
    for column, record in enumerate(records[1:]):
        for label, place in zip(labels, places, strict=True):
            row, at = record["weights"][place], (names.index(label), column)
            change = float(row["mean_since_start"])  # NaN: not known, or not finite
            grid[at] = np.maximum(grid[at], change)
            frozen[at] &= row["state"] == "frozen"
    return names, frozen, grid


def _group(names: Sequence[str]) -> list[str]:
    """Return a label for each name: the name, or its cell or one above it if there are many."""
    cells = [name.rpartition(".")[0] or name for name in names]
    depth = max((cell.count(".") for cell in cells), default=0)
    above = ([".".join(cell.split(".")[:level]) for cell in cells] for level in range(depth, 0, -1))
    levels = [list(names), cells, *above]
    fitting = [labels for labels in levels if len(set(labels)) <= _MOST_ROWS]
    if fitting and (len(set(fitting[0])) >= _FEWEST_ROWS or fitting[0] in levels[:2]):
        return fitting[0]
    return _merge_neighbours([labels for labels in levels if labels not in fitting][-1])


def _merge_neighbours(labels: Sequence[str]) -> list[str]:
    """Return labels of which neighbours are put together until all rows fit."""
    distinct = list(dict.fromkeys(labels))
    size = math.ceil(len(distinct) / _MOST_ROWS)
    groups = [distinct[start : start + size] for start in range(0, len(distinct), size)]
    merged = {label: f"{group[0]} to {group[-1]}" for group in groups for label in group}
    return [merged[label] for label in labels]


def curves_figure(records: Sequence[Record], marks: Marks = ()) -> Figure:
    """Return the picture of loss, accuracy (if labels are classes) and learning rate by epochs."""
    scored, rated = records[0]["accuracy"] is not None, "lr" in records[-1]
    columns = 1 + scored + rated
    figure = Figure(figsize=(1 + 4 * columns, 3.6), dpi=120)
    panels = figure.subplots(1, columns, squeeze=False)[0]
    numbers = [record["epoch"] for record in records]
    losses = [np.nan if record["loss"] is None else record["loss"] for record in records]
    panels[0].plot(numbers, losses, marker="o", markersize=4, label="training, mean of the epoch")
    if records[0]["validation_loss"] is not None:
        points = _measured(records, "validation_loss")
        panels[0].plot(*points, marker="s", markersize=4, label="validation")
    panels[0].set(xlabel="epoch", ylabel="loss")
    panels[0].legend(frameon=False, fontsize=8)
    if scored:
        epochs, values = _measured(records, "accuracy")
        accuracy = [100 * value for value in values]
        panels[1].plot(epochs, accuracy, marker="s", markersize=4, color="C1")
        panels[1].set_title(f"{accuracy[-1]:.1f} % at the end", fontsize=10)
        panels[1].set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(0, 103))
    if rated:
        _draw_rates(panels[-1], records)
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        phase_marks.draw(axes, marks)
    figure.tight_layout()
    return figure


def _draw_rates(axes: Axes, records: Sequence[Record]) -> None:
    """Draw the learning rates; if there are many, only the highest and the lowest are named."""
    rated = [record for record in records if "lr" in record]  # the others are an older trainer's
    names = list(rated[-1]["lr"])
    named = names if len(names) <= _MOST_NAMED else [names[0], names[-1]]
    for place, name in enumerate(names):
        points = [(record["epoch"], record["lr"].get(name, np.nan)) for record in rated]
        color = colormaps["viridis"](0.85 * place / max(len(names) - 1, 1))
        label = name if name in named else None
        axes.plot(*zip(*points, strict=True), marker=".", color=color, label=label)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.set(xlabel="epoch", ylabel="learning rate at the epoch's end", ylim=(0, None))
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))


def _measured(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """Return when a value was measured, in epochs, and the values."""
    points = []
    for record in records:
        steps, start = record.get("steps") or 1, record["epoch"] - 1
        for within in record.get("evaluations", ()):
            points.append((start + within["step"] / steps, within.get(name)))
        points.append((record["epoch"], record[name]))
    measured = [(epoch, float(value)) for epoch, value in points if value is not None]
    return [epoch for epoch, _ in measured], [value for _, value in measured]


def _mark_frozen(
    axes: Axes, names: Sequence[str], frozen: Frozen, grid: NDArray[np.float64]
) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    throughout = np.asarray(frozen.all(axis=1))
    for label, is_frozen in zip(axes.get_yticklabels(), throughout, strict=True):
        if is_frozen:
            label.set_color(FROZEN)
    for has_moved in (False, True):
        cells = frozen & ((grid != 0) == has_moved)
        rows, columns = np.nonzero(cells & ~throughout[:, None] if has_moved else cells)
        for bar in axes.barh(rows, 1, 0.9, columns + 0.5, color=PALE, linewidth=0):
            bar.set(edgecolor=FROZEN, hatch="///", fill=not has_moved)


def _title(frozen: Sequence[bool], grid: NDArray[np.float64], marks: Marks) -> str:
    moved = sum(still and bool((grid[row] > 0).any()) for row, still in enumerate(frozen))
    unknown = sum(still and bool(np.isnan(grid[row]).any()) for row, still in enumerate(frozen))
    proof = f"{unknown} of them not known" if unknown else "none of them moved"
    proof = f"{moved} of them MOVED" if moved else proof
    return (
        f"{sum(frozen)} of {len(frozen)} frozen (hatched): {proof}"
        if any(frozen)
        else ("none frozen throughout (hatched: in that epoch)" if marks else "none frozen")
    )

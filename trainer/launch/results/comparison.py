"""Comparison: runs with the same seed side by side, epoch by epoch. Needs no MindSpore."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainer.artifacts import run_record
from trainer.artifacts.run_record import MetricsLine
from trainer.core import plotting
from trainer.core.run_files import METRICS
from trainer.core.table import table
from trainer.launch.results.job_results import JobResult, format_ms

PICTURE = "compare.png"
_HEAD = ("run", "loss", "validation", "accuracy", "drift", "ms per step", "MB", "loss curve")


def format_table(results: Sequence[JobResult]) -> str:
    """Return the table, one row per run; the first run is the reference of the loss curves.

    The drift, in each run, is that of the tensors that the first run freezes.
    """
    lines = {result.job.name: _read_lines(result.job.folder) for result in results}
    reference = lines[results[0].job.name]
    frozen = {w.name for line in reference[:1] for w in line.weights if w.state == "frozen"}
    rows = [_row(result, lines[result.job.name], reference, frozen) for result in results]
    return table([_HEAD, *rows], left=(0, len(_HEAD) - 1))


def _read_lines(run: Path) -> list[MetricsLine]:
    with suppress(OSError, ValueError):
        return run_record.read_metrics(run / METRICS)
    return []


def _row(
    result: JobResult,
    lines: Sequence[MetricsLine],
    reference: Sequence[MetricsLine],
    frozen: set[str],
) -> tuple[str, ...]:
    last = lines[-1] if lines else None
    moved = [w.largest_since_start for line in lines for w in line.weights if w.name in frozen]
    losses: Mapping[str, float | None] = {
        "loss": last.loss if last else None,
        "validation": result.validation_loss,
    }
    accuracy = last.accuracy if last else None
    return (
        result.job.name,
        *("" if value is None else f"{value:.4g}" for value in losses.values()),
        "" if accuracy is None else f"{100 * accuracy:.1f} %",
        f"{max(moved):.3g}" if moved else "",
        "" if result.step_ms is None else format_ms(result.step_ms),
        "" if result.memory_mb is None else f"{result.memory_mb:.0f}",
        compare_curves(lines, reference) if result.state == "done" else result.state,
    )


def compare_curves(lines: Sequence[MetricsLine], reference: Sequence[MetricsLine]) -> str:
    """Return whether two runs had the same losses, or where and how far they differ."""
    if lines is reference:
        return "reference"
    pairs = list(zip(_losses(lines), _losses(reference), strict=False))
    if len(lines) == len(reference) and all(one == other for one, other in pairs):
        return "bitwise equal"
    differences = [
        (epoch, max(abs(a - b) for a, b in zip(one, other, strict=True)))
        for epoch, (one, other) in enumerate(pairs)
        if one != other
    ]
    if not differences:
        return f"equal up to epoch {len(pairs) - 1}"
    return (
        f"differs from epoch {differences[0][0]} on, by up to {max(d for _, d in differences):.2g}"
    )


def _losses(lines: Sequence[MetricsLine]) -> list[tuple[float, float]]:
    """Return training and validation losses; 0 where there is none, as before the first step."""
    return [(line.loss or 0.0, np.nan_to_num(line.validation_loss)) for line in lines]


def draw(folder: Path, results: Sequence[JobResult]) -> None:
    """Plot the losses of all runs by epoch, and save the plot in the folder."""
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2)
    for number, result in enumerate(results):
        lines = _read_lines(result.job.folder)
        epochs = [line.epoch for line in lines]
        style = {"linestyle": ("-", "--", "-")[number % 3], "linewidth": 3 - number}
        training = [float("nan") if line.loss is None else line.loss for line in lines]
        panels[0].plot(epochs, training, label=result.job.name, **style)
        panels[1].plot(epochs, [line.validation_loss for line in lines], **style)
    for axes, label in zip(panels, ("training loss", "validation loss"), strict=True):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    panels[0].legend(frameon=False, fontsize=8)
    plotting.save(figure, folder / PICTURE)

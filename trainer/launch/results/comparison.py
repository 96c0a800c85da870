"""Comparison: runs with the same seed set side by side, epoch by epoch. Needs no MindSpore."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainer.artifacts import run_record
from trainer.artifacts.run_record import MetricsLine
from trainer.core import plotting
from trainer.core.run_files import METRICS
from trainer.core.table import table
from trainer.launch.results.job_results import JobResult

PICTURE = "compare.png"
_HEAD = ("run", "loss", "validation", "accuracy", "drift", "ms a step", "MB", "loss curve")


def format_table(standings: Sequence[JobResult]) -> str:
    """Return the table, a row a run, the first being what the curves of the others are held to.

    The drift is that of the tensors that the first run freezes, in each run.
    """
    lines = {s.job.name: _lines(s.job.folder) for s in standings}
    first = standings[0].job.name
    frozen = {w.name for line in lines[first][:1] for w in line.weights if w.state == "frozen"}
    rows = [_row(s, lines[s.job.name], lines[first], frozen) for s in standings]
    return table([_HEAD, *rows], left=(0, len(_HEAD) - 1))


def _lines(run: Path) -> list[MetricsLine]:
    with suppress(OSError, ValueError):
        return run_record.read_metrics(run / METRICS)
    return []


def _row(
    standing: JobResult,
    lines: Sequence[MetricsLine],
    first: Sequence[MetricsLine],
    frozen: set[str],
) -> tuple[str, ...]:
    last = lines[-1] if lines else None
    moved = [w.largest_since_start for line in lines for w in line.weights if w.name in frozen]
    shown: Mapping[str, float | None] = {
        "loss": last.loss if last else None,
        "validation": last.validation_loss if last else None,
    }
    accuracy = last.accuracy if last else None
    return (
        standing.job.name,
        *("" if value is None else f"{value:.4g}" for value in shown.values()),
        "" if accuracy is None else f"{100 * accuracy:.1f} %",
        f"{max(moved):.3g}" if moved else "",
        "" if standing.step_ms is None else f"{standing.step_ms:.3g}",
        "" if standing.memory_mb is None else f"{standing.memory_mb:.0f}",
        compare_curves(lines, first) if standing.state == "done" else standing.state,
    )


def compare_curves(lines: Sequence[MetricsLine], first: Sequence[MetricsLine]) -> str:
    """Say whether two runs had the same losses, and if not, from where on and how far apart."""
    if lines is first:
        return "the first"
    pairs = list(zip(_losses(lines), _losses(first), strict=False))
    if len(lines) == len(first) and all(one == other for one, other in pairs):
        return "equal, to the bit"
    apart = [
        (epoch, max(abs(a - b) for a, b in zip(one, other, strict=True)))
        for epoch, (one, other) in enumerate(pairs)
        if one != other
    ]
    if not apart:
        return f"equal, as far as {len(pairs) - 1} epochs"
    return f"differs from epoch {apart[0][0]} on, by up to {max(a for _, a in apart):.2g}"


def _losses(lines: Sequence[MetricsLine]) -> list[tuple[float, float]]:
    return [(line.loss or 0.0, line.validation_loss) for line in lines]


def draw(folder: Path, standings: Sequence[JobResult]) -> None:
    """Draw the losses of all runs by epoch into the folder."""
    made = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    panels = made.subplots(1, 2)
    for number, standing in enumerate(standings):
        lines = _lines(standing.job.folder)
        epochs = [line.epoch for line in lines]
        style = {"linestyle": ("-", "--", "-")[number % 3], "linewidth": 3 - number}
        training = [float("nan") if line.loss is None else line.loss for line in lines]
        panels[0].plot(epochs, training, label=standing.job.name, **style)
        panels[1].plot(epochs, [line.validation_loss for line in lines], **style)
    for axes, label in zip(panels, ("training loss", "validation loss"), strict=True):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    panels[0].legend(frameon=False, fontsize=8)
    plotting.save(made, folder / PICTURE)

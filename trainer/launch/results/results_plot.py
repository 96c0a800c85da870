"""Sweep picture: the settings of a sweep, the best first: each job's result, and its step time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.core.plotting import FROZEN, PALE, save
from trainer.launch.results.job_results import JobResult, SettingResult, group_by_setting

_MOST_ROWS = 40  # more settings than that cannot be read
_BAD = "#b03a2e"


def draw(sweep: Path, standings: Sequence[JobResult]) -> None:
    """Write the picture into the sweep's folder, if a job is done."""
    if any(standing.state == "done" for standing in standings):
        save(plot_settings(group_by_setting(standings)), sweep)


def plot_settings(ranked: Sequence[SettingResult]) -> Figure:
    """Return the picture: a dot a job, a line for the mean, and bars for the median step."""
    shown = ranked[:_MOST_ROWS]
    made = Figure(figsize=(10.5, 1.7 + 0.36 * len(shown)), dpi=120, layout="constrained")
    results, steps = made.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    _results(results, shown)
    _steps(steps, shown)
    results.set_yticks(range(len(shown)), [setting.name for setting in shown], fontsize=8)
    results.set_ylim(len(shown) - 0.5, -0.5)
    made.suptitle(_title(ranked, len(shown)), fontsize=10)
    return made


def _results(axes: Axes, shown: Sequence[SettingResult]) -> None:
    scored = any(setting.values(lambda s: s.accuracy) for setting in shown)
    for row, setting in enumerate(shown):
        values = setting.values(lambda s: s.accuracy if scored else s.validation_loss)
        scaled = [100 * value if scored else value for value in values]
        if scaled:
            rows = row + np.linspace(-0.2, 0.2, len(scaled) + 2)[1:-1]  # equal ones side by side
            axes.plot(scaled, rows, "o", color=FROZEN, alpha=0.6, markersize=5)
            axes.plot([np.mean(scaled)] * 2, [row - 0.32, row + 0.32], color="black", linewidth=1.5)
        if len(values) < len(setting.members):
            axes.annotate(
                setting.states(),
                (1, row),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="center",
                color=_BAD,
                fontsize=7,
            )
    axes.set_xlabel("validation accuracy (%)" if scored else "validation loss")
    axes.grid(axis="x", alpha=0.3)


def _steps(axes: Axes, shown: Sequence[SettingResult]) -> None:
    medians = [setting.values(lambda s: s.step_ms) for setting in shown]
    axes.barh(range(len(shown)), [float(np.median(m)) if m else 0 for m in medians], color=PALE)
    axes.set_xlabel("ms a step, median")
    axes.tick_params(left=False)


def _title(ranked: Sequence[SettingResult], shown: int) -> str:
    members = [member for setting in ranked for member in setting.members if member.state == "done"]
    frozen = [member.drift for member in members if member.drift is not None]
    moved = sum(drift != 0 for drift in frozen)
    what = f"{len(members)} jobs done"
    if frozen:
        what += f"; in {len(frozen)} something was frozen: "
        what += f"in {moved} of them it MOVED" if moved else "none of it moved"
    return what + (f"; the best {shown} of {len(ranked)} settings" if shown < len(ranked) else "")

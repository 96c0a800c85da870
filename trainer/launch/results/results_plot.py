"""Plot of a sweep's settings, the best first: the result of each job, and the step time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.config.evaluation import ACCURACY, EMA
from trainer.core.plotting import FROZEN, PALE, save
from trainer.launch.results.job_results import JobResult, SettingResult, group_by_setting

_MAX_ROWS = 40  # more settings cannot be read
_BAD = "#b03a2e"


def draw(path: Path, results: Sequence[JobResult]) -> None:
    """Write the plot, if a job is done."""
    if any(result.state == "done" for result in results):
        save(plot_settings(group_by_setting(results)), path)


def plot_settings(ranked: Sequence[SettingResult]) -> Figure:
    """Return the plot: one dot per job, a line for the mean, and bars for the median step."""
    shown = ranked[:_MAX_ROWS]
    figure = Figure(figsize=(10.5, 1.7 + 0.36 * len(shown)), dpi=120, layout="constrained")
    results, steps = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    _plot_results(results, shown)
    _plot_steps(steps, shown)
    results.set_yticks(range(len(shown)), [setting.name for setting in shown], fontsize=8)
    results.set_ylim(len(shown) - 0.5, -0.5)
    figure.suptitle(_title(ranked, len(shown)), fontsize=10)
    return figure


def _plot_results(axes: Axes, shown: Sequence[SettingResult]) -> None:
    names = dict.fromkeys(member.figure[0] for setting in shown for member in setting.members)
    name = next(iter(names))
    is_share = name.removeprefix(EMA) == ACCURACY
    for row, setting in enumerate(shown):
        values = setting.values(lambda r: r.figure[2])
        scaled = [100 * value if is_share else value for value in values]
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
    axes.set_xlabel(f"validation {name} (%)" if is_share else name.replace("_", " "))
    axes.grid(axis="x", alpha=0.3)


def _plot_steps(axes: Axes, shown: Sequence[SettingResult]) -> None:
    steps = [setting.values(lambda r: r.step_ms) for setting in shown]
    axes.barh(range(len(shown)), [float(np.median(s)) if s else 0 for s in steps], color=PALE)
    axes.set_xlabel("ms per step, median")
    axes.tick_params(left=False)


def _title(ranked: Sequence[SettingResult], shown: int) -> str:
    done = [member for setting in ranked for member in setting.members if member.state == "done"]
    drifts = [member.drift for member in done if member.drift is not None]
    moved = sum(drift != 0 for drift in drifts)
    title = f"jobs done: {len(done)}"
    if drifts:
        title += f"; with frozen weights: {len(drifts)}, "
        title += f"in {moved} of which they MOVED" if moved else "none of which moved"
    return title + (f"; the best {shown} of {len(ranked)} settings" if shown < len(ranked) else "")

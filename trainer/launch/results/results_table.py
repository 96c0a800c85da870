"""Sweep report: the standings of a sweep as a table, as CSV and as JSON. Needs no MindSpore."""

import csv
import io
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainer.core import atomic_files
from trainer.core.exit_status import one_line
from trainer.core.table import table
from trainer.launch.results.job_results import (
    JobResult,
    SettingResult,
    failed_jobs,
    group_by_setting,
)

TABLE, RECORD, PICTURE = "sweep.csv", "sweep.json", "sweep.png"
_HEAD = ("setting", "jobs", "result", "spread", "drift", "ms a step", "compile s", "MB", "state")


def format_table(standings: Sequence[JobResult]) -> str:
    """Return the table of settings, the best first, and why jobs have failed."""
    rows = [_row(setting) for setting in group_by_setting(standings)]
    found = [table([_HEAD, *rows], left=(0, len(_HEAD) - 1))]
    found += [f"failed: {s.job.name}: {one_line(s.why)}" for s in failed_jobs(standings)]
    return "\n".join(found)


def _row(setting: SettingResult) -> tuple[str, ...]:
    right = setting.values(lambda s: s.accuracy)
    loss = setting.values(lambda s: s.validation_loss)
    result, spread = _shown(right, _percent) if right else _shown(loss, lambda v: f"{v:.4g}")
    drifts = setting.values(lambda s: s.drift)
    steps, compiled = setting.values(lambda s: s.step_ms), setting.values(lambda s: s.compile_s)
    memory = setting.values(lambda s: s.memory_mb)
    return (
        setting.name,
        str(len(setting.members)),
        result,
        spread,
        f"{max(drifts):.3g}" if drifts else "none frozen" if result else "",
        f"{statistics.median(steps):.3g}" if steps else "",
        f"{max(compiled):.1f}" if compiled else "",
        f"{max(memory):.0f}" if memory else "",
        setting.states(),
    )


def _shown(values: Sequence[float], show: Callable[[float], str]) -> tuple[str, str]:
    """Return the mean, and the lowest and the highest value if there are several."""
    if not values:
        return "", ""
    spread = f"{show(min(values))} to {show(max(values))}" if len(values) > 1 else ""
    return show(statistics.fmean(values)), spread


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def write(sweep: Path, standings: Sequence[JobResult]) -> None:
    """Write the standings into the sweep's folder, as CSV and as JSON, whole."""
    rows = [_plain(standing) for standing in standings]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_files.write_text(sweep / TABLE, text.getvalue())
    best = [
        {
            "setting": setting.name,
            "jobs": [member.job.name for member in setting.members],
            "accuracy": _summary(setting.values(lambda s: s.accuracy)),
            "validation_loss": _summary(setting.values(lambda s: s.validation_loss)),
            "state": setting.states(),
        }
        for setting in group_by_setting(standings)
    ]
    atomic_files.write_lines(sweep / RECORD, {"settings": best, "jobs": rows})


def _summary(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": statistics.fmean(values),
        "standard_deviation": spread,
        "lowest": min(values),
        "highest": max(values),
    }


def _plain(standing: JobResult) -> dict[str, Any]:
    differs = dict(line.partition("=")[::2] for line in standing.job.varying)
    figures = {key: value for key, value in vars(standing).items() if key != "job"}
    return {"job": standing.job.name, **differs, **figures, "why": one_line(standing.why)}

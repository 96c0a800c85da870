"""The results of a sweep as a table, as CSV and as JSON. Needs no MindSpore."""

import csv
import io
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainer.config.evaluation import ACCURACY, EMA
from trainer.core import atomic_files
from trainer.core.exit_status import one_line
from trainer.core.table import table
from trainer.core.text import quantity
from trainer.launch.results.job_results import (
    JobResult,
    SettingResult,
    format_ms,
    group_by_setting,
)
from trainer.launch.results.paired_difference import PairedDifference, paired_difference

TABLE, RECORD, PICTURE = "sweep.csv", "sweep.json", "sweep.png"
_HEAD = ("spread", "drift", "ms per step", "compile s", "MB", "state")
_MAX_ROWS = 20  # so that the table of a large sweep fits a screen
_MAX_PAIRED = 5  # settings that are compared with the best


def format_table(results: Sequence[JobResult]) -> str:
    """Return the table, one row per setting, the best first; the others are counted."""
    settings = group_by_setting(results)
    more = len(settings) - _MAX_ROWS
    names = _figures(results)
    head = ("setting", "jobs", names[0], _HEAD[0], *names[1:], *_HEAD[1:])
    rows = [_row(setting, names) for setting in settings[:_MAX_ROWS]]
    note = [f"and {quantity(more, 'more setting')}: {TABLE} has every job"] if more > 0 else []
    paired = _paired_lines(settings[: _MAX_PAIRED + 1])
    return "\n".join([table([head, *rows], left=(0, len(head) - 1)), *note, *paired])


def _paired_lines(settings: Sequence[SettingResult]) -> list[str]:
    """Return how far each setting is behind the first, over the seeds that both have."""
    pairs = [(setting, _behind(setting, settings[0])) for setting in settings[1:]]
    rows = [
        (setting.name, _format_paired(pair, _is_share(setting))) for setting, pair in pairs if pair
    ]
    if not rows:
        return []
    verb = "is below" if settings[0].members[0].figure[1] == "min" else "exceeds"
    head = f"{settings[0].name} {verb}, by the mean over common seeds (95 % interval):"
    return ["", head, *(f"  {name}: {text}" for name, text in rows)]


def _behind(setting: SettingResult, best: SettingResult) -> PairedDifference | None:
    return paired_difference(best, setting, lambda result: _negated(result.cost))


def _negated(value: float | None) -> float | None:
    return None if value is None else -value


def _is_share(setting: SettingResult) -> bool:
    return setting.members[0].figure[0].removeprefix(EMA) == ACCURACY


def _format_paired(pair: PairedDifference, is_share: bool) -> str:
    values = pair.mean, pair.low, pair.high
    mean, low, high = (f"{100 * v:.2f}" if is_share else f"{v:.4g}" for v in values)
    return f"{mean}{' %' if is_share else ''} ({low} to {high}, {pair.seeds} seeds)"


def _figures(results: Sequence[JobResult]) -> tuple[str, ...]:
    """Return the names of the columns of results: what decides, and the accuracy if known."""
    names = dict.fromkeys(r.figure[0] for r in results if r.figure[2] is not None)
    decides = " or ".join(names) or "result"
    has_accuracy = any(result.accuracy is not None for result in results)
    return (decides, ACCURACY) if has_accuracy and ACCURACY not in names else (decides,)


def _form(name: str) -> Callable[[float], str]:
    """Return how the values of a name are written."""
    return _format_percent if name.removeprefix(EMA) == ACCURACY else "{:.4g}".format


def _row(setting: SettingResult, names: Sequence[str]) -> tuple[str, ...]:
    result, spread = _mean_and_spread(setting.values(lambda r: r.figure[2]), _form(names[0]))
    accuracy, _ = _mean_and_spread(setting.values(lambda r: r.accuracy), _format_percent)
    drifts = setting.values(lambda r: r.drift)
    steps = setting.values(lambda r: r.step_ms)
    compiles = setting.values(lambda r: r.compile_s)
    memory = setting.values(lambda r: r.memory_mb)
    return (
        setting.name,
        str(len(setting.members)),
        result,
        spread,
        *([accuracy] if len(names) > 1 else []),
        f"{max(drifts):.3g}" if drifts else "none frozen" if result else "",
        format_ms(statistics.median(steps)) if steps else "",
        f"{max(compiles):.1f}" if compiles else "",
        f"{max(memory):.0f}" if memory else "",
        setting.states(),
    )


def _mean_and_spread(values: Sequence[float], form: Callable[[float], str]) -> tuple[str, str]:
    """Return the mean, and the lowest and the highest value if there are several."""
    if not values:
        return "", ""
    spread = f"{form(min(values))} to {form(max(values))}" if len(values) > 1 else ""
    return form(statistics.fmean(values)), spread


def _format_percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def write(sweep: Path, results: Sequence[JobResult]) -> None:
    """Write the results into the sweep's folder, as CSV and as JSON."""
    rows = [_to_dict(result) for result in results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_files.write_text(sweep / TABLE, text.getvalue())
    settings = [
        {
            "setting": setting.name,
            "jobs": [member.job.name for member in setting.members],
            "monitor": setting.members[0].figure[0],
            "value": _summary(setting.values(lambda r: r.figure[2])),
            "accuracy": _summary(setting.values(lambda r: r.accuracy)),
            "validation_loss": _summary(setting.values(lambda r: r.validation_loss)),
            "state": setting.states(),
        }
        for setting in group_by_setting(results)
    ]
    atomic_files.write_lines(sweep / RECORD, {"settings": settings, "jobs": rows})


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


def _to_dict(result: JobResult) -> dict[str, Any]:
    varying = dict(override.partition("=")[::2] for override in result.job.varying)
    figures = {key: value for key, value in vars(result).items() if key != "job"}
    return {"job": result.job.name, **varying, **figures, "why": one_line(result.why)}

"""Results of a sweep's jobs, one by one and grouped by setting. Needs no MindSpore."""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.artifacts import costs, run_record, run_result, status
from trainer.artifacts.run_record import MetricsLine
from trainer.config.evaluation import ACCURACY, LOSS
from trainer.core.run_files import COSTS, METRICS
from trainer.launch import jobs
from trainer.launch.jobs import Job
from trainer.launch.slurm import submit
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState

SEED = "seed"  # a setting's results are means over the seeds


@dataclass(frozen=True)
class JobResult:
    """State and result of one job.

    Attributes:
        job: the job.
        state: done, running, stopped, failed, or pending: it has not begun.
        code: its exit code, negative for a signal; None: it has none yet.
        why: why it failed, stopped, or ended early.
        epochs: whole epochs trained.
        accuracy: on the validation data, 0 to 1; None: labels are no classes, or there is none yet.
        validation_loss: likewise.
        drift: the largest change of a value in a frozen tensor; None: nothing is frozen.
        step_ms: median time of a training step.
        compile_s: additional time of the first step; None: its graph had been compiled already.
        memory_mb: peak memory of its process.
        monitor: the value that decides what is best; empty: an older trainer recorded none.
        mode: whether its lowest or its highest value is the best: ``min`` or ``max``.
        value: that of the final weights; None: there is none yet.
        ended: what ended it, as in ``result.json``; empty: it has not come to its end.
    """

    job: Job
    state: str
    code: int | None = None
    why: str = ""
    epochs: int = 0
    accuracy: float | None = None
    validation_loss: float | None = None
    drift: float | None = None
    step_ms: float | None = None
    compile_s: float | None = None
    memory_mb: float | None = None
    monitor: str = ""
    mode: str = ""
    value: float | None = None
    ended: str = ""

    @property
    def figure(self) -> tuple[str, str, float | None]:
        """The name of what decides, its mode and its value; of an older run, the accuracy."""
        if self.monitor:
            return self.monitor, self.mode, self.value
        if self.accuracy is not None:
            return ACCURACY, "max", self.accuracy
        return LOSS, "min", self.validation_loss

    @property
    def cost(self) -> float | None:
        """A number that is lowest for the best result; None if there is none."""
        _, mode, value = self.figure
        return value if value is None or mode == "min" else -value

    @property
    def outcome(self) -> str:
        """Its state, and what ended it before its time."""
        early = _EARLY.get(self.ended, "") if self.state == "done" else ""
        return f"{self.state}{early}"


_EARLY = {"early_stopping": ", stopped early", "pruned": ", pruned"}


@dataclass(frozen=True)
class SettingResult:
    """Jobs that differ in nothing except their seed.

    Attributes:
        name: the overrides that differ from other settings.
        members: its jobs.
    """

    name: str
    members: Sequence[JobResult]

    def values(self, figure: Callable[[JobResult], float | None]) -> list[float]:
        """Return a figure of those jobs that are done and have it."""
        values = (figure(member) for member in self.members if member.state == "done")
        return [value for value in values if value is not None]

    def states(self) -> str:
        """Return the states of its jobs: ``4 done, 1 failed``."""
        counts = Counter(member.outcome for member in self.members)
        if len(self.members) == 1:
            return self.members[0].outcome
        return ", ".join(f"{number} {state}" for state, number in counts.items())


def read_results(sweep: Path) -> list[JobResult]:
    """Return the results of a sweep's jobs, in the order of their first launch.

    Raises:
        ConfigError: the folder holds no sweep.
    """
    states = submit.sweep_states(sweep)
    return [
        _with_slurm_state(_read_result(job), states.get(job.name)) for job in jobs.read_jobs(sweep)
    ]


def _with_slurm_state(result: JobResult, state: SlurmState | None) -> JobResult:
    """Return a result corrected by Slurm, which also knows of jobs that wrote no status."""
    if state is None or result.state == "done" or state.name == FORGOTTEN:
        return result
    if not state.is_over:
        running = state.name == "RUNNING"
        return replace(result, state="running" if running else "pending", code=None, why=str(state))
    if result.state in ("pending", "running"):  # it had no time to write more
        return replace(result, state="failed", code=state.code, why=str(state))
    return result


def _read_result(job: Job) -> JobResult:
    job_status = status.read(job.folder)
    if job_status is None:
        return JobResult(job, "done" if jobs.is_finished(job.folder) else "pending")
    lines: list[MetricsLine] = []
    with suppress(OSError, ValueError):
        lines = run_record.read_metrics(job.folder / METRICS)
    run_costs = costs.read(job.folder / COSTS)
    result = JobResult(job, job_status.state, job_status.code, job_status.why, drift=_drift(lines))
    if lines:
        result = replace(
            result,
            epochs=lines[-1].epoch,
            **_last_measured(lines),
        )
        result = replace(result, **_final(job.folder))
    if run_costs:
        seconds = run_costs.step_seconds
        result = replace(
            result,
            step_ms=None if seconds is None else 1000 * seconds,
            compile_s=run_costs.compile_seconds,
            memory_mb=run_costs.peak_memory_mb,
        )
    return result


def _last_measured(lines: Sequence[MetricsLine]) -> dict[str, Any]:
    """Return the figures of the last evaluation, and what decides."""
    measured = [line for line in lines if not math.isnan(line.validation_loss)] or lines[-1:]
    last = measured[-1]
    figures = {"accuracy": last.accuracy, "validation_loss": _known(last.validation_loss)}
    if last.monitor is None:  # an older trainer's
        return figures
    value = last.monitor["value"]
    names = {"monitor": last.monitor["name"], "mode": last.monitor["mode"]}
    return {**figures, **names, "value": None if value is None else float(value)}


def _final(folder: Path) -> dict[str, Any]:
    """Return the figures of the final weights; none if the run has not come to its end."""
    result = run_result.read(folder)
    if result is None:
        return {}
    values = result.values
    return {
        "monitor": result.monitor,
        "mode": result.mode,
        "value": result.value,
        "ended": result.ended,
        "accuracy": values.get(ACCURACY),
        "validation_loss": values.get(LOSS),
    }


def _drift(lines: Iterable[MetricsLine]) -> float | None:
    moved = [w.largest_since_start for line in lines for w in line.weights if w.state == "frozen"]
    return max(moved, key=lambda value: math.inf if math.isnan(value) else value, default=None)


def group_by_setting(results: Sequence[JobResult]) -> list[SettingResult]:
    """Return the settings, the best first, by the mean of what decides."""
    groups: dict[str, list[JobResult]] = {}
    for result in results:
        overrides = [line for line in result.job.varying if line.partition("=")[0] != SEED]
        groups.setdefault(" ".join(overrides) or "(all jobs)", []).append(result)
    settings = [SettingResult(name, members) for name, members in groups.items()]
    return sorted(settings, key=_sort_key)


def _sort_key(setting: SettingResult) -> tuple[float, float]:
    """Return the mean of what decides, then that of the loss; a setting without it comes last."""
    costs = setting.values(lambda result: result.cost)
    losses = setting.values(lambda result: result.validation_loss)
    return _mean(costs), _mean(losses)


def _mean(values: Sequence[float]) -> float:
    mean = statistics.fmean(values) if values else math.inf
    return math.inf if math.isnan(mean) else mean


def failed_jobs(results: Iterable[JobResult]) -> list[JobResult]:
    """Return the jobs that have failed."""
    return [result for result in results if result.state == "failed"]


def format_ms(value: float) -> str:
    """Return milliseconds with three digits: ``7.04``, ``128``, ``1,760``."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"


def _known(loss: float) -> float | None:
    return None if math.isnan(loss) else loss

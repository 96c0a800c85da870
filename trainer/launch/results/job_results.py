"""Results of a sweep's jobs, one by one and grouped by setting. Needs no MindSpore."""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.artifacts import costs, run_record, status
from trainer.artifacts.run_record import MetricsLine
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
        why: why it failed or stopped.
        epochs: whole epochs trained.
        accuracy: on the validation data, 0 to 1; None: labels are no classes, or there is none yet.
        validation_loss: likewise.
        drift: the largest change of a value in a frozen tensor; None: nothing is frozen.
        step_ms: median time of a training step.
        compile_s: additional time of the first step; None: its graph had been compiled already.
        memory_mb: peak memory of its process.
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
        counts = Counter(member.state for member in self.members)
        if len(self.members) == 1:
            return self.members[0].state
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
            accuracy=lines[-1].accuracy,
            validation_loss=_known(lines[-1].validation_loss),
        )
    if run_costs:
        seconds = run_costs.step_seconds
        result = replace(
            result,
            step_ms=None if seconds is None else 1000 * seconds,
            compile_s=run_costs.compile_seconds,
            memory_mb=run_costs.peak_memory_mb,
        )
    return result


def _drift(lines: Iterable[MetricsLine]) -> float | None:
    moved = [w.largest_since_start for line in lines for w in line.weights if w.state == "frozen"]
    return max(moved, key=lambda value: math.inf if math.isnan(value) else value, default=None)


def group_by_setting(results: Sequence[JobResult]) -> list[SettingResult]:
    """Return the settings, the best first: by accuracy, or by validation loss without one."""
    groups: dict[str, list[JobResult]] = {}
    for result in results:
        overrides = [line for line in result.job.varying if line.partition("=")[0] != SEED]
        groups.setdefault(" ".join(overrides) or "(all jobs)", []).append(result)
    settings = [SettingResult(name, members) for name, members in groups.items()]
    return sorted(settings, key=_sort_key)


def _sort_key(setting: SettingResult) -> tuple[float, float]:
    """Return the negated mean accuracy, then the mean loss; a setting without either comes last."""
    accuracies = setting.values(lambda result: result.accuracy)
    losses = setting.values(lambda result: result.validation_loss)
    return (
        -statistics.fmean(accuracies) if accuracies else (0.0 if losses else math.inf),
        statistics.fmean(losses) if losses else math.inf,
    )


def failed_jobs(results: Iterable[JobResult]) -> list[JobResult]:
    """Return the jobs that have failed."""
    return [result for result in results if result.state == "failed"]


def format_ms(value: float) -> str:
    """Return milliseconds with three digits: ``7.04``, ``128``, ``1,760``."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"


def _known(loss: float) -> float | None:
    return None if math.isnan(loss) else loss

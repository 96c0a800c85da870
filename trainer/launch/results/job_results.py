"""Standings: how the jobs of a sweep stand, one by one and by setting. Needs no MindSpore."""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.artifacts import costs, run_record, status
from trainer.core.run_files import COSTS, METRICS
from trainer.launch import jobs
from trainer.launch.jobs import Job
from trainer.launch.slurm import submit
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState

SEED = "seed"  # what a setting is the mean over


@dataclass(frozen=True)
class JobResult:
    """How one job stands.

    Attributes:
        job: the job.
        state: done, running, stopped, failed, or pending: it has not begun.
        code: its exit code, negative for a signal; None: it has none yet.
        why: why it failed or stopped.
        epochs: whole epochs trained.
        accuracy: on the validation data, 0 to 1; None: labels are no classes, or there is none yet.
        validation_loss: likewise.
        drift: most that a value of a frozen tensor has moved; None: nothing is frozen.
        step_ms: the median training step.
        compile_s: what the first step took longer; None: its graph was there already.
        memory_mb: most memory of its process.
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
    """Jobs that differ in nothing but their seed.

    Attributes:
        name: what differs from other settings.
        members: its jobs.
    """

    name: str
    members: Sequence[JobResult]

    def values(self, of: Callable[[JobResult], float | None]) -> list[float]:
        """Return a figure of those jobs that are done and have it."""
        found = (of(member) for member in self.members if member.state == "done")
        return [value for value in found if value is not None]

    def states(self) -> str:
        """Return the states of its jobs: ``4 done, 1 failed``."""
        count = Counter(member.state for member in self.members)
        if len(count) == 1 and len(self.members) == 1:
            return next(iter(count))
        return ", ".join(f"{number} {state}" for state, number in count.items())


def read_results(sweep: Path) -> list[JobResult]:
    """Return how the jobs of a sweep stand, in the order of their first launch.

    Raises:
        ConfigError: the folder holds no sweep.
    """
    queued = submit.sweep_states(sweep)
    return [
        _with_slurm_state(_read_result(job), queued.get(job.name)) for job in jobs.read_jobs(sweep)
    ]


def _with_slurm_state(found: JobResult, state: SlurmState | None) -> JobResult:
    """Return a standing as Slurm sees it, which also knows of jobs that could not say anything."""
    if state is None or found.state == "done" or state.name == FORGOTTEN:
        return found
    if not state.is_over:
        running = state.name == "RUNNING"
        return replace(found, state="running" if running else "pending", code=None, why=str(state))
    if found.state in ("pending", "running"):  # it had no time to say more
        return replace(found, state="failed", code=state.code, why=str(state))
    return found


def _read_result(job: Job) -> JobResult:
    found = status.read(job.folder)
    if found is None:
        return JobResult(job, "done" if jobs.is_finished(job.folder) else "pending")
    lines: list[run_record.MetricsLine] = []
    with suppress(OSError, ValueError):
        lines = run_record.read_metrics(job.folder / METRICS)
    took = costs.read(job.folder / COSTS)
    last = lines[-1] if lines else None
    return JobResult(
        job,
        found.state,
        found.code,
        found.why,
        last.epoch if last else 0,
        last.accuracy if last else None,
        last.validation_loss if last else None,
        _drift(lines),
        1000 * took.step_seconds if took and took.step_seconds is not None else None,
        took.compile_seconds if took else None,
        took.peak_memory_mb if took else None,
    )


def _drift(lines: Iterable[run_record.MetricsLine]) -> float | None:
    moved = [w.largest_since_start for line in lines for w in line.weights if w.state == "frozen"]
    return max(moved, key=lambda value: math.inf if math.isnan(value) else value, default=None)


def group_by_setting(standings: Sequence[JobResult]) -> list[SettingResult]:
    """Return the settings, the best first: by accuracy, where there is none by validation loss."""
    groups: dict[str, list[JobResult]] = {}
    for standing in standings:
        alike = [line for line in standing.job.varying if line.partition("=")[0] != SEED]
        groups.setdefault(" ".join(alike) or "all alike", []).append(standing)
    found = [SettingResult(name, members) for name, members in groups.items()]
    return sorted(found, key=_rank)


def _rank(setting: SettingResult) -> tuple[float, float]:
    """Return what sorts settings: the mean accuracy, then the mean loss; none comes last."""
    right = setting.values(lambda s: s.accuracy)
    loss = setting.values(lambda s: s.validation_loss)
    return (
        -statistics.fmean(right) if right else (0.0 if loss else math.inf),
        statistics.fmean(loss) if loss else math.inf,
    )


def failed_jobs(standings: Iterable[JobResult]) -> list[JobResult]:
    """Return the jobs that have failed."""
    return [standing for standing in standings if standing.state == "failed"]

"""Sweep: the state of one command's sweep, and how its jobs have ended."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.plugins.plugin import Plugin

from trainer.artifacts import run_result, status
from trainer.artifacts.status import Status
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import hydra_plugins
from trainer.core import file_lock
from trainer.core.errors import CannotWrite, ConfigError, JobsFailed
from trainer.core.signals import StopFlag
from trainer.core.text import quantity
from trainer.launch import jobs
from trainer.launch.failures import Failure, list_failures
from trainer.launch.job_config import JobConfig

log = logging.getLogger(__name__)


@dataclass
class Sweep:
    """State that the launchers of one command share.

    Attributes:
        request: what the command line requests.
        stop: whether and why to stop.
        statuses: how each job has ended, by job name.
        folder: folder of the sweep, once it is known.
        folder_key: the setting that names the folder on the command line.
        exit_stack: callbacks for the end of the sweep.
        trials: of a search, those that have ended and those that it is to have; None: no search.
        trial_infos: of a search that prunes: which trial each of the next jobs is.
    """

    request: ResumeRequest
    stop: StopFlag
    statuses: dict[str, Status]
    folder: Path = Path()
    folder_key: str = "hydra.sweep.dir"
    exit_stack: ExitStack = field(default_factory=ExitStack)
    trials: tuple[int, int] | None = None
    trial_infos: Sequence[Mapping[str, Any]] = ()
    _is_locked: bool = False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder, and lock it against other commands while the block runs.

        Raises:
            ConfigError: another command uses the folder, or it is not writable.
        """
        if self._is_locked:
            yield
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"expected a folder to write in, received {self.folder} ({error.strerror})"
            raise ConfigError([f"{self.folder_key}: {problem}"]) from None
        message = f"{self.folder_key}: another command is at work in {self.folder}"
        with file_lock.exclusive(self.folder / ".lock", message):
            self._is_locked = True
            try:
                yield
            finally:
                self._is_locked = False

    def failure_message(self) -> str:
        """Return which jobs did not finish and why, and how to run them; empty if all finished."""
        failed = {name: s for name, s in self.statuses.items() if s.state != "done"}
        if not failed:
            return ""
        failures = [Failure(name, s.why, s.code) for name, s in failed.items()]
        return "\n".join(
            [
                f"{len(failed)} of {quantity(len(self.statuses), 'job')} did not finish:",
                *list_failures(failures),
                f"The same command with {self.folder_key}={self.folder} starts only these jobs.",
            ]
        )


_current: list[Sweep] = []


def current_sweep() -> Sweep:
    """Return the sweep of this command."""
    return _current[-1]


@contextmanager
def sweep_session(
    request: ResumeRequest, stop: StopFlag, report: Callable[[Path], object], *plugins: type[Plugin]
) -> Iterator[Sweep]:
    """Register launchers and sweepers with Hydra while the block runs, which starts a sweep.

    Args:
        request: what the command line requests.
        stop: whether and why to stop.
        report: prints the results of the sweep in a folder.
        *plugins: the launchers and sweepers.

    Raises:
        JobsFailed: some jobs did not finish.
    """
    hydra_plugins.offer(*plugins)
    sweep = Sweep(request, stop, {})
    _current.append(sweep)
    try:
        with sweep.exit_stack:
            yield sweep
        if sweep.statuses:
            report(sweep.folder)
        if message := sweep.failure_message():
            raise JobsFailed(message)
    finally:
        _current.pop()


def unfinished(job_configs: Sequence[JobConfig], sweep: Sweep) -> list[JobConfig]:
    """Return the jobs that are not finished; record the status of the others."""
    remaining = []
    for job_config in job_configs:
        if jobs.is_finished(job_config.job.folder, job_config.settings):
            record_end(sweep, job_config, 0, "")
        else:
            remaining.append(job_config)
    if finished := len(job_configs) - len(remaining):
        log.info("%d of %s done already", finished, quantity(len(job_configs), "job"))
    return remaining


def record_end(sweep: Sweep, job_config: JobConfig, code: int, why: str) -> Status:
    """Record how a job has ended, also in its folder if the job could not do that itself.

    A job is done if its folder holds a finished run. An exit code of 0 may come from another
    program, and one other than 0 after the end of the run, from MindSpore's shutdown for example.
    """
    folder = job_config.job.folder
    job_status = status.read(folder)
    if jobs.is_finished(folder, job_config.settings):
        result = Status("done", 0, run_result.reason(folder))
    elif code == 0:
        result = Status("failed", 0, "it exited with 0, but its folder holds no finished run")
    elif job_status is None or job_status.state in ("running", "done") or job_status.code != code:
        result = replace(job_status or Status("failed"), state="failed", code=code, why=why)
    else:
        result = job_status
    sweep.statuses[job_config.job.name] = result
    _write_status(folder, result)
    return result


def _write_status(folder: Path, result: Status) -> None:
    """Write a job's status if its folder says something else, and no process is at work there."""
    recorded = status.read_recorded(folder)
    if recorded is not None and recorded.state == result.state or file_lock.is_taken(folder):
        return
    with suppress(OSError, CannotWrite):  # the job itself has reported that, or nobody can
        folder.mkdir(parents=True, exist_ok=True)
        status.write(folder, result)

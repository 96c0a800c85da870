"""Launcher: what all launchers of a sweep's jobs share: which to start, and how they ended.

A job is the run that a person would start by ``python -m trainer OVERRIDES hydra.run.dir=FOLDER``:
it is left as it is if it is done, and goes on if it has begun.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.plugins.plugin import Plugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from trainer.artifacts import status
from trainer.artifacts.status import Status
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import hydra_plugins, overrides
from trainer.core import file_lock
from trainer.core.errors import CannotWrite, ConfigError, JobsFailed
from trainer.core.exit_status import one_line
from trainer.core.signals import StopFlag
from trainer.launch import job_config as order
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig, task_config
from trainer.launch.jobs import Job

log = logging.getLogger(__name__)

_SEARCH = f"{hydra_plugins.MODULE}.OptunaSweeper"


@dataclass
class Sweep:
    """What the launchers of one command have in common.

    Attributes:
        request: what the command line requests.
        stop: tells why to stop, if so.
        ended: how each job has ended, by its name.
        folder: of the sweep, once it is known.
        key: what names it on the command line.
        at_end: what is to be called when the sweep is over.
    """

    request: ResumeRequest
    stop: StopFlag
    statuses: dict[str, Status]
    folder: Path = Path()
    folder_key: str = "hydra.sweep.dir"
    exit_stack: ExitStack = field(default_factory=ExitStack)
    _is_locked: bool = False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands away from the folder, which is made, while the block runs.

        Raises:
            ConfigError: another command is at work there, or it is no folder to write in.
        """
        if self._is_locked:
            yield
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"expected a folder to write in, received {self.folder} ({error.strerror})"
            raise ConfigError([f"{self.folder_key}: {what}"]) from None
        taken = f"{self.folder_key}: another command is at work on {self.folder}"
        with file_lock.exclusive(self.folder / ".lock", taken):
            self._is_locked = True
            try:
                yield
            finally:
                self._is_locked = False


_current: list[Sweep] = []


def current_sweep() -> Sweep:
    """Return the sweep that is under way."""
    return _current[-1]


@contextmanager
def sweep_session(
    request: ResumeRequest, stop: StopFlag, report: Callable[[Path], object], *plugins: type[Plugin]
) -> Iterator[Sweep]:
    """Make launchers and sweepers known to Hydra while the block runs, in which it starts a sweep.

    Args:
        request: what the command line requests.
        stop: tells why to stop, if so.
        report: prints how the sweep in a folder stands.
        *plugins: the launchers and sweepers.

    Raises:
        JobsFailed: some jobs have not ended well; the others have.
    """
    hydra_plugins.offer(*plugins)
    _current.append(Sweep(request, stop, {}))
    try:
        with _current[-1].exit_stack:
            yield _current[-1]
        if _current[-1].statuses:
            report(_current[-1].folder)
        failed = {name: s for name, s in _current[-1].statuses.items() if s.state != "done"}
        if failed:
            raise JobsFailed(_failure_message(failed, _current[-1]))
    finally:
        _current.pop()


class SweepLauncher(Launcher):
    """A Hydra launcher; a subclass says how jobs are started.

    Attributes:
        waits: whether it stays until its jobs have ended.
    """

    waits = True

    def __init__(self, **_given: Any) -> None:
        """Leave the arguments to ``setup``: Hydra would hide what is wrong with them."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra hands over; jobs are commands of their own, so not its function."""
        self.context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Start the jobs that are not done, wait for them, and return how all have ended.

        Raises:
            ConfigError: its folder is another sweep's, or another command is at work there.
            Stopped: a signal came; what had begun is saved.
        """
        setup_globals()
        sweep = _current[-1]
        sweep.folder = Path(str(self.config.hydra.sweep.dir))
        fixed = overrides.fixed([str(line) for line in self.config.hydra.overrides.task])
        made = [jobs.make_job(sweep.folder, list(lines), fixed) for lines in job_overrides]
        orders = {
            job.name: self._job_config(job, initial_job_idx + i) for i, job in enumerate(made)
        }
        self.check(list(orders.values()))
        with sweep.locked():
            jobs.record_jobs(sweep.folder, made, fixed)
            self.start(unfinished(list(orders.values()), sweep), sweep)
        return [self._job_return(orders[job.name], sweep) for job in made]

    def check(self, job_configs: Sequence[JobConfig]) -> None:
        """Raise a ConfigError for jobs that cannot be started here; nothing is written yet."""

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Start jobs, wait for them, and note in ``sweep.ended`` how each has ended."""
        raise NotImplementedError

    def _job_config(self, job: Job, number: int) -> JobConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(job.overrides))
        return order.make_job_config(job, config, number)

    def _job_return(self, job_config: JobConfig, sweep: Sweep) -> JobReturn:
        """Return what Hydra's sweepers want to know of a job.

        Only a search is told of a failure: the others would forget the batches that are to come.
        """
        found = JobReturn(
            overrides=list(job_config.job.overrides), cfg=task_config(job_config.config)
        )
        ended = sweep.statuses.get(
            job_config.job.name, Status("failed", None, "it was not started")
        )
        failed = ended.state != "done" and self.config.hydra.sweeper._target_ == _SEARCH
        found.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        found.return_value = (
            RuntimeError(ended.why) if failed else jobs.objective(job_config.job.folder)
        )
        return found


def unfinished(job_configs: Sequence[JobConfig], sweep: Sweep) -> list[JobConfig]:
    """Return the jobs that are not done yet; take down those that are."""
    found = []
    for one in job_configs:
        if jobs.is_finished(one.job.folder, one.settings):
            record_end(sweep, one, 0, "")
        else:
            found.append(one)
    if len(found) < len(job_configs):
        log.info("%d of %d jobs are done already", len(job_configs) - len(found), len(job_configs))
    return found


def record_end(sweep: Sweep, job_config: JobConfig, code: int, why: str) -> Status:
    """Take down how a job has ended, in its folder too if it could not do that itself.

    What counts is whether its folder holds a finished run: an exit code of 0 may be that of
    something else, and another one may come after all was done, of MindSpore's farewell, say.
    """
    job = job_config.job
    found, before = status.read(job.folder), status.recorded(job.folder)
    if jobs.is_finished(job.folder, job_config.settings):
        result = Status("done", 0)
    elif code == 0:
        result = Status("failed", 0, "it ended with 0, but its folder holds no finished run")
    elif found is None or found.state in ("running", "done") or found.code != code:
        result = replace(found or Status("failed"), state="failed", code=code, why=why)
    else:
        result = found
    sweep.statuses[job.name] = result
    if (before is None or before.state != result.state) and not file_lock.is_taken(job.folder):
        with suppress(OSError, CannotWrite):  # of which the job itself has told, or nobody can
            job.folder.mkdir(parents=True, exist_ok=True)
            status.write(job.folder, result)
    return result


def _failure_message(failed: Mapping[str, Status], sweep: Sweep) -> str:
    lines = [f"{len(failed)} of {len(sweep.statuses)} jobs did not end well:"]
    lines += [f"  - {name}: {one_line(s.why)}{_exit(s)}" for name, s in failed.items()]
    again = f"{sweep.folder_key}={sweep.folder}"
    lines.append(f"The same command with {again} does what is missing; the others are done.")
    return "\n".join(lines)


def _exit(status: Status) -> str:
    return f" (exit code {status.code})" if status.code and status.code > 0 else ""


def make_launcher(
    context: HydraContext, function: TaskFunction, config: DictConfig
) -> SweepLauncher:
    """Return the launcher that a configuration names.

    Raises:
        ConfigError: it is none of the trainer's; Hydra's own hide how jobs end.
    """
    found = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=function, config=config
    )
    if not isinstance(found, SweepLauncher):
        what = "expected one of the trainer's, which tell how jobs end"
        raise ConfigError([f"hydra.launcher: {what}, received {type(found).__name__}"])
    return found

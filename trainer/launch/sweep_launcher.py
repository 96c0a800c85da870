"""SweepLauncher: the base of all launchers: starts the jobs of a sweep that are not finished.

A job is the run that a person would start by ``python -m trainer OVERRIDES hydra.run.dir=FOLDER``:
it is left unchanged if it is finished, and resumes if it has begun.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from trainer.artifacts.status import Status
from trainer.config import hydra_plugins, sweep_overrides
from trainer.config.overrides import recorded_lines
from trainer.core.errors import ConfigError
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig, make_job_config, task_config
from trainer.launch.jobs import Job
from trainer.launch.sweep import Sweep, current_sweep, unfinished

_SEARCH = f"{hydra_plugins.MODULE}.OptunaSweeper"
_SUBDIR_DEFAULTS = ("???", "${hydra.job.num}")


class SweepLauncher(Launcher):
    """A Hydra launcher; a subclass defines how jobs are started.

    Attributes:
        waits: whether ``start`` returns only after the jobs have ended.
    """

    waits = True

    def __init__(self, **_arguments: Any) -> None:
        """Leave the arguments to ``setup``: Hydra would hide an error raised here."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store Hydra's context and configuration; the jobs are commands, not its function.

        Raises:
            ConfigError: ``hydra.sweep.subdir`` is set.
        """
        self.context = hydra_context
        self.config = config
        sweep: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
        subdir = sweep["subdir"]
        if subdir not in _SUBDIR_DEFAULTS:
            problem = "expected none, because a job's folder is named by its overrides"
            raise ConfigError([f"hydra.sweep.subdir: {problem}, received {subdir}"])

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Start the jobs that are not finished, wait for them, and return how all have ended.

        Raises:
            ConfigError: the folder belongs to another sweep, or another command uses it.
            Stopped: a signal came; jobs that had begun are saved.
        """
        setup_globals()
        sweep = current_sweep()
        sweep.folder = Path(str(self.config.hydra.sweep.dir))
        fixed = sweep_overrides.fixed(recorded_lines(self.config.hydra.overrides.task))
        job_configs = [
            self._job_config(jobs.make_job(sweep.folder, lines, fixed), initial_job_idx + number)
            for number, lines in enumerate(job_overrides)
        ]
        distinct = list({config.job.name: config for config in job_configs}.values())
        for job_config, info in zip(job_configs, sweep.trial_infos, strict=False):
            with open_dict(job_config.config):
                job_config.config.hydra.sweeper.trial = dict(info)
        self.check(distinct)
        with sweep.locked():
            jobs.record_jobs(sweep.folder, [config.job for config in distinct], fixed)
            self.start(unfinished(distinct, sweep), sweep)
        return [self._job_return(job_config, sweep) for job_config in job_configs]

    def check(self, job_configs: Sequence[JobConfig]) -> None:
        """Raise a ConfigError for jobs that cannot be started here; nothing is written yet."""

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Start jobs, wait for them, and store in ``sweep.statuses`` how each has ended."""
        raise NotImplementedError

    def _job_config(self, job: Job, number: int) -> JobConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(job.overrides))
        return make_job_config(job, config, number)

    def _job_return(self, job_config: JobConfig, sweep: Sweep) -> JobReturn:
        """Return the result of a job for Hydra's sweepers.

        Only a search receives failures: the other sweepers would abandon the remaining batches.
        """
        job = job_config.job
        job_return = JobReturn(overrides=list(job.overrides), cfg=task_config(job_config.config))
        job_return.working_dir = str(job.folder)
        ended = sweep.statuses.get(job.name, Status("failed", None, "it was not started"))
        failed = ended.state != "done" and self.config.hydra.sweeper._target_ == _SEARCH
        job_return.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        job_return.return_value = RuntimeError(ended.why) if failed else jobs.objective(job.folder)
        return job_return


def make_launcher(
    context: HydraContext, function: TaskFunction, config: DictConfig
) -> SweepLauncher:
    """Return the launcher that a configuration names.

    Raises:
        ConfigError: it is none of the trainer's; Hydra's own hide how jobs end.
    """
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=function, config=config
    )
    if not isinstance(launcher, SweepLauncher):
        problem = "expected one of the trainer's launchers, which report how jobs end"
        raise ConfigError([f"hydra.launcher: {problem}, received {type(launcher).__name__}"])
    return launcher

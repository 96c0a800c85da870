"""SlurmLauncher: a sweep's jobs on a cluster, as Slurm jobs."""

import logging
import signal
from collections.abc import Sequence
from dataclasses import replace

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from trainer.artifacts import status
from trainer.config import hydra_plugins, plugin_options
from trainer.core.errors import ConfigError, Stopped
from trainer.core.run_files import OUTPUT
from trainer.core.text import quantity
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig
from trainer.launch.slurm import arrays, partitions, submit
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState
from trainer.launch.sweep import Sweep, record_end
from trainer.launch.sweep_launcher import SweepLauncher

log = logging.getLogger(__name__)


class SlurmLauncher(SweepLauncher):
    """Hydra's launcher for Slurm; ``conf/hydra/launcher/slurm.yaml`` explains its arguments."""

    __module__ = hydra_plugins.MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Read the requested resources.

        Raises:
            ConfigError: the cluster does not have them; nothing has been written.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.request = partitions.read_request(plugin_options.plain(config.hydra.launcher))
        self.waits = self.request.wait

    def check(self, job_configs: Sequence[JobConfig]) -> None:
        """Raise a ConfigError if several tasks would train the same, or the sweep is too large."""
        tasks = self.request.nodes * self.request.tasks_per_node
        launchers = [
            OmegaConf.select(job_config.config, "distributed.launcher")
            for job_config in job_configs
        ]
        if tasks > 1 and any(launcher != "slurm" for launcher in launchers):
            expected = f"expected distributed=slurm for {tasks} tasks (nodes times tasks_per_node)"
            raise ConfigError([f"hydra/launcher=slurm: {expected}, received none"])
        arrays.check_limit(len(job_configs), self.request)

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Submit the jobs that are neither queued nor running, and wait for all of them.

        Raises:
            Stopped: a signal came; the jobs continue.
        """
        by_name = {job_config.job.name: job_config for job_config in job_configs}
        if not by_name:
            return
        allow = sorted(sweep.request.allow)
        unfinished_jobs = [job_config.job for job_config in job_configs]
        job_ids = submit.submit(unfinished_jobs, self.request, sweep.folder, allow)
        show = f"python -m trainer.sweep {sweep.folder}"
        if not self.request.wait:
            count = quantity(len(by_name), "job")
            log.info("sweep: %s in %s; to see them: %s", count, sweep.folder, show)
            return
        states = submit.wait_for_jobs(job_ids, self.request.poll_seconds, sweep.stop)
        for name, state in states.items():
            _record_state(sweep, by_name[name], job_ids[name], state)
        if why := sweep.stop():
            running = [job_id for name, job_id in job_ids.items() if name not in states]
            raise Stopped(_stop_message(why, show, running))


def _stop_message(why: str, show: str, running: Sequence[str]) -> str:
    if not running:
        return f"{why} after all jobs had ended; to see them: {show}"
    jobs_continue = f"{why}, but the jobs continue; to see them: {show}"
    return f"{jobs_continue}; to cancel them: scancel {' '.join(running)}"


def _record_state(sweep: Sweep, job_config: JobConfig, job_id: str, state: SlurmState) -> None:
    """Record how a job has ended, with the run's own message if it wrote one."""
    job = job_config.job
    job_status = status.read(job.folder)
    if state.name == "COMPLETED" or (state.name == FORGOTTEN and jobs.is_finished(job.folder)):
        record_end(sweep, job_config, 0, "")
    elif job_status is not None and job_status.state == "stopped":
        why = f"job {job_id} {state}: {job_status.why}"
        sweep.statuses[job.name] = replace(job_status, why=why)
    else:
        code = state.code or 1
        killed = f", killed by {signal.Signals(code - 128).name}" if code > 128 else ""
        why = f"job {job_id} {state}{killed}; see {job.folder / OUTPUT}"
        record_end(sweep, job_config, code, why)

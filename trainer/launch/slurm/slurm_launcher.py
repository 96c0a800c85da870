"""Remote: a sweep's jobs on a cluster, as jobs of Slurm."""

import logging
import signal
from collections.abc import Sequence
from dataclasses import replace

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from trainer.artifacts import status
from trainer.config import hydra_plugins, options
from trainer.core.errors import ConfigError, Stopped
from trainer.core.run_files import OUTPUT
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig
from trainer.launch.slurm import partitions, submit
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState
from trainer.launch.sweep_launcher import Sweep, SweepLauncher, record_end

log = logging.getLogger(__name__)


class SlurmLauncher(SweepLauncher):
    """Hydra's launcher for Slurm; ``conf/hydra/launcher/slurm.yaml`` explains its arguments."""

    __module__ = hydra_plugins.MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra hands over.

        Raises:
            ConfigError: the cluster has not what is asked for; nothing has been written.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.request = partitions.read_request(options.plain(config.hydra.launcher))
        self.waits = self.request.wait

    def check(self, job_configs: Sequence[JobConfig]) -> None:
        """Raise a ConfigError if several tasks would all train the same."""
        tasks = self.request.nodes * self.request.tasks_per_node
        shared = [OmegaConf.select(order.config, "distributed.launcher") for order in job_configs]
        if tasks > 1 and any(kind != "slurm" for kind in shared):
            text = f"expected distributed=slurm for {tasks} tasks (nodes times tasks_per_node)"
            raise ConfigError([f"hydra/launcher=slurm: {text}, received none"])

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Submit jobs as one array, those that wait or run already excepted, and watch them.

        Raises:
            Stopped: a signal came; the jobs go on.
        """
        todo = {order.job.name: order for order in job_configs}
        if not todo:
            return
        allow = sorted(sweep.request.allow)
        numbers = submit.submit(
            [order.job for order in job_configs], self.request, sweep.folder, allow
        )
        look = f"python -m trainer.sweep {sweep.folder}"
        if not self.request.wait:
            log.info("sweep: %d jobs in %s; to look: %s", len(todo), sweep.folder, look)
            return
        over = submit.wait_for_jobs(numbers, self.request.poll_seconds, sweep.stop)
        for name, state in over.items():
            _record_state(sweep, todo[name], numbers[name], state)
        if why := sweep.stop():
            raise Stopped(_stop_message(why, look, [numbers[n] for n in numbers if n not in over]))


def _stop_message(why: str, look: str, going: Sequence[str]) -> str:
    if not going:
        return f"{why}, and the jobs were over already: {look} looks"
    return f"{why}, but not the jobs: {look} looks, scancel {' '.join(going)} ends them"


def _record_state(sweep: Sweep, order: JobConfig, number: str, state: SlurmState) -> None:
    """Take down how a job has ended, in the run's own words where it had time for some."""
    job = order.job
    found = status.read(job.folder)
    if state.name == "COMPLETED" or (state.name == FORGOTTEN and jobs.is_finished(job.folder)):
        record_end(sweep, order, 0, "")
    elif found is not None and found.state == "stopped":
        told = replace(found, why=f"job {number} {state}: {found.why}")
        sweep.statuses[job.name] = told
    else:
        code = state.code or 1
        how = f" by {signal.Signals(code - 128).name}" if code > 128 else ""
        why = f"job {number} {state}, ended{how}; see {job.folder / OUTPUT}"
        record_end(sweep, order, code, why)

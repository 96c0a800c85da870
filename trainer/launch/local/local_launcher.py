"""LocalLauncher: a sweep's jobs on this machine, in worker processes.

A worker trains one job after the other, and reuses its compiled graphs for all jobs that may share
them. If it dies, one job has failed, and the next worker takes the remaining jobs.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

from trainer.config import hydra_plugins, plugin_options, schema
from trainer.config.plugin_options import Options
from trainer.core.errors import ConfigError, Stopped
from trainer.core.text import quantity
from trainer.launch.job_config import JobConfig
from trainer.launch.local.worker_handle import WorkerHandle
from trainer.launch.sweep import Sweep, record_end
from trainer.launch.sweep_launcher import SweepLauncher

log = logging.getLogger(__name__)

_POLL = 0.1  # seconds between checks for a signal


class LocalOptions(Options):
    """The keys of ``conf/hydra/launcher/local.yaml``, which explains them."""

    n_jobs: int = Field(1, ge=1)
    share: bool = True


class LocalLauncher(SweepLauncher):
    """Hydra's launcher for one machine."""

    __module__ = hydra_plugins.MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Read the launcher's options.

        Raises:
            ConfigError: an option is wrong; nothing has been written.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        arguments = plugin_options.plain(config.hydra.launcher)
        self.options, problems = plugin_options.parsed(LocalOptions, arguments, "hydra.launcher")
        if problems:
            raise ConfigError(problems)
        self._handles: list[WorkerHandle] = []

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Train jobs in up to ``n_jobs`` workers.

        Raises:
            Stopped: a signal came; jobs that had begun are saved.
        """
        if len(job_configs) > 1:
            log.info("sweep: %s in %s", quantity(len(job_configs), "job"), sweep.folder)
        workers = self._workers(sweep)[: len(job_configs)]
        run_jobs(job_configs, sweep, workers, self.options.share)

    def _workers(self, sweep: Sweep) -> list[WorkerHandle]:
        """Return the workers, which outlive a call of ``start``: a search calls it often."""
        if not self._handles:
            self._handles = [WorkerHandle() for _ in range(self.options.n_jobs)]
            for worker in self._handles:
                sweep.exit_stack.callback(worker.close)
        return self._handles


def run_jobs(
    job_configs: Sequence[JobConfig], sweep: Sweep, workers: Sequence[WorkerHandle], share: bool
) -> None:
    """Train jobs, those that can share a graph next to each other; record how each has ended.

    Args:
        job_configs: the jobs.
        sweep: their sweep.
        workers: the workers, each of which trains one job at a time.
        share: whether a process trains one job after the other; else each job has its own process.

    Raises:
        Stopped: a signal came; jobs that had begun are saved.
    """
    queue = JobQueue(job_configs, sweep)
    with ThreadPoolExecutor(max(1, len(workers)), "sweep") as pool:
        futures = [pool.submit(_run_worker, queue, worker, share) for worker in workers]
        _wait_for_workers(futures, workers, queue, sweep)
    if why := sweep.stop():
        done = sum(status.state == "done" for status in sweep.statuses.values())
        raise Stopped(
            f"{why}: jobs done: {done}; those that had begun are saved; to resume, give the same "
            f"command with {sweep.folder_key}={sweep.folder}"
        )


class JobQueue:
    """Jobs that wait for a worker, sorted so that jobs with the same graph are neighbours."""

    def __init__(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        keys = [schema.compiled_key(job_config.settings) for job_config in job_configs]
        first = {key: keys.index(key) for key in keys}
        order = sorted(range(len(job_configs)), key=lambda i: first[keys[i]])
        self._waiting = [(job_configs[i], keys[i]) for i in order]
        self._lock = Lock()
        self._ended, self._count = sweep.trials or (0, len(job_configs))
        self.sweep = sweep

    def take(self, last_key: str) -> tuple[JobConfig, str] | None:
        """Return the next job and its key, preferably one with the key ``last_key``."""
        with self._lock:
            if not self._waiting or self.sweep.stop():
                return None
            same = (i for i, (_, key) in enumerate(self._waiting) if key == last_key)
            return self._waiting.pop(next(same, 0))

    def clear(self) -> None:
        """Remove all jobs, so that no other one is started."""
        with self._lock:
            self._waiting.clear()

    def record_end(self, job_config: JobConfig, code: int, why: str, seconds: float) -> None:
        """Record and log how a job has ended; the command's last message says why it failed."""
        with self._lock:
            self._ended += 1
            result = record_end(self.sweep, job_config, code, why)
            count = f"[{self._ended:{len(str(self._count))}d}/{self._count}]"
            state = (
                f"{result.state} ({result.why})"
                if result.state == "done" and result.why
                else result.state
            )
            log.info("%s %s  %s  %.1f s", count, job_config.job.name, state, seconds)


def _run_worker(queue: JobQueue, worker: WorkerHandle, share: bool) -> None:
    key = ""
    while taken := queue.take(key):
        job_config, key = taken
        started = time.monotonic()
        allow = queue.sweep.request.allow
        code, why = worker.train(job_config.job.folder, job_config.config, allow)
        queue.record_end(job_config, code, why, time.monotonic() - started)
        if not share:
            worker.close()


def _wait_for_workers(
    futures: Sequence[Future[None]], workers: Sequence[WorkerHandle], queue: JobQueue, sweep: Sweep
) -> None:
    """Wait until all workers have no more jobs; forward a signal to those that train."""
    try:
        while wait(futures, _POLL).not_done:
            if sweep.stop():
                for worker in workers:
                    worker.stop()
    except BaseException:
        queue.clear()
        for worker in workers:
            worker.kill()
        raise
    for future in futures:
        future.result()

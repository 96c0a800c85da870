"""Local: a sweep's jobs on this machine, in processes that outlive a job, but not its death.

A process trains one job after the other, and uses its compiled graphs for all that may share them.
If it dies, one job has failed, and the next process takes the rest.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

from trainer.config import hydra_plugins, options, schema
from trainer.config.options import Options
from trainer.core.errors import ConfigError, Stopped
from trainer.core.exit_status import one_line
from trainer.launch.job_config import JobConfig
from trainer.launch.local.worker_handle import WorkerHandle
from trainer.launch.sweep_launcher import Sweep, SweepLauncher, record_end

log = logging.getLogger(__name__)

_POLL = 0.1  # seconds between looks whether a signal has come


class LocalOptions(Options):
    """What ``conf/hydra/launcher/local.yaml`` explains."""

    n_jobs: int = Field(1, ge=1)
    share: bool = True


class LocalLauncher(SweepLauncher):
    """Hydra's launcher for one machine."""

    __module__ = hydra_plugins.MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra hands over.

        Raises:
            ConfigError: arguments are wrong; nothing has been written.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        arguments = options.plain(config.hydra.launcher)
        self.options, problems = options.parsed(LocalOptions, arguments, "hydra.launcher")
        if problems:
            raise ConfigError(problems)
        self._processes: list[WorkerHandle] = []

    def start(self, job_configs: Sequence[JobConfig], sweep: Sweep) -> None:
        """Start jobs in up to ``n_jobs`` processes.

        Raises:
            Stopped: a signal came; what had begun is saved.
        """
        if len(job_configs) > 1:
            log.info("sweep: %d jobs in %s", len(job_configs), sweep.folder)
        run_jobs(job_configs, sweep, self._workers(sweep)[: len(job_configs)], self.options.share)

    def _workers(self, sweep: Sweep) -> list[WorkerHandle]:
        """Return the processes, which outlive a call of ``start``: a search makes many."""
        if not self._processes:
            self._processes = [WorkerHandle() for _ in range(self.options.n_jobs)]
            for process in self._processes:
                sweep.exit_stack.callback(process.close)
        return self._processes


def run_jobs(
    job_configs: Sequence[JobConfig], sweep: Sweep, workers: Sequence[WorkerHandle], share: bool
) -> None:
    """Train jobs, neighbours being those that can share a graph; note how each has ended.

    Args:
        job_configs: the jobs.
        sweep: what they belong to.
        workers: a job at once for each.
        share: whether a process trains one job after the other; else each has one of its own.

    Raises:
        Stopped: a signal came; what had begun is saved.
    """
    queue = JobQueue(job_configs, sweep)
    with ThreadPoolExecutor(max(1, len(workers)), "sweep") as pool:
        running = [pool.submit(_run_worker, queue, worker, share) for worker in workers]
        _wait_for_workers(running, workers, queue, sweep)
    if why := sweep.stop():
        done = sum(ended.state == "done" for ended in sweep.statuses.values())
        raise Stopped(
            f"{why}: {done} jobs are done, what has begun is saved; to go on, the same command "
            f"with {sweep.folder_key}={sweep.folder}"
        )


class JobQueue:
    """Jobs that wait for a process, in an order in which neighbours share a graph if they can."""

    def __init__(self, orders: Sequence[JobConfig], sweep: Sweep) -> None:
        keys = [schema.compiled_key(order.settings) for order in orders]
        first = {key: keys.index(key) for key in keys}
        chosen = sorted(range(len(orders)), key=lambda i: first[keys[i]])
        self._waiting = [(orders[i], keys[i]) for i in chosen]
        self._lock = Lock()
        self._count = len(orders)
        self._ended = 0
        self.sweep = sweep

    def take(self, last: str) -> tuple[JobConfig, str] | None:
        """Return the next job and its key, one that has the key ``last`` if there is one."""
        with self._lock:
            if not self._waiting or self.sweep.stop():
                return None
            same = (i for i, (_, key) in enumerate(self._waiting) if key == last)
            return self._waiting.pop(next(same, 0))

    def clear(self) -> None:
        """Let nothing more be started."""
        with self._lock:
            self._waiting.clear()

    def record_end(self, job_config: JobConfig, code: int, why: str, seconds: float) -> None:
        """Take down how a job has ended, and tell it."""
        with self._lock:
            self._ended += 1
            found = record_end(self.sweep, job_config, code, why)
            what = found.state if found.state != "failed" else f"failed: {one_line(found.why)}"
            count = f"[{self._ended:{len(str(self._count))}d}/{self._count}]"
            log.info("%s %s  %s  %.1f s", count, job_config.job.name, what, seconds)


def _run_worker(queue: JobQueue, worker: WorkerHandle, share: bool) -> None:
    key = ""
    while taken := queue.take(key):
        order, key = taken
        began = time.monotonic()
        code, why = worker.train(order.job.folder, order.config, queue.sweep.request.allow)
        queue.record_end(order, code, why, time.monotonic() - began)
        if not share:
            worker.close()


def _wait_for_workers(
    running: Sequence[Future[None]], workers: Sequence[WorkerHandle], queue: JobQueue, sweep: Sweep
) -> None:
    """Wait for the jobs; hand a signal on to those that train."""
    try:
        while wait(running, _POLL).not_done:
            if sweep.stop():
                for worker in workers:
                    worker.stop()
    except BaseException:
        queue.clear()
        for worker in workers:
            worker.kill()
        raise
    for future in running:
        future.result()

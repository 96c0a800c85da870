"""Submit a sweep's runs to Slurm as job arrays, through submitit, and wait for them."""

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.core import atomic_files
from trainer.core.errors import CannotWrite, ConfigError
from trainer.core.run_files import OUTPUT
from trainer.core.signals import StopFlag
from trainer.launch.jobs import Job
from trainer.launch.slurm import arrays, queue
from trainer.launch.slurm.partitions import ResourceRequest
from trainer.launch.slurm.queue import SlurmState

log = logging.getLogger(__name__)

_FOLDER = ".slurm"  # submitit's files, in the sweep's folder, and
_IDS = "ids.json"  # the Slurm job ids by job name
_POLL = 0.2  # seconds between checks for a signal


def read_job_ids(sweep: Path) -> dict[str, str]:
    """Return the Slurm job ids of a sweep's submitted jobs, by job name.

    Raises:
        ConfigError: the file cannot be read; without it, all jobs would be submitted again.
    """
    path = sweep / _FOLDER / _IDS
    try:
        job_ids = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: expected the Slurm job ids by name; {error}"]) from None
    if not isinstance(job_ids, dict) or not all(isinstance(i, str) for i in job_ids.values()):
        raise ConfigError([f"{path}: expected the Slurm job ids by name, received {job_ids!r}"])
    return job_ids


def sweep_states(sweep: Path) -> dict[str, SlurmState]:
    """Return the states of a sweep's jobs by name; empty without jobs or if Slurm is silent."""
    with suppress(OSError, ConfigError):
        job_ids = read_job_ids(sweep)
        states = queue.job_states(job_ids.values())
        return {name: states[job_id] for name, job_id in job_ids.items()}
    return {}


def submit(
    jobs: Sequence[Job], request: ResourceRequest, sweep: Path, allow: Sequence[str] = ()
) -> dict[str, str]:
    """Submit the jobs that are neither queued nor running; return the Slurm job ids of all jobs.

    Args:
        jobs: the jobs to train.
        request: the resources of each job.
        sweep: the folder in which the job ids are recorded and submitit keeps its files.
        allow: settings that may have changed since the runs began, see ``resume.allow``.

    Raises:
        ConfigError: Slurm refuses the jobs, or does not respond.
        CannotWrite: the job ids cannot be recorded; jobs submitted without a record are cancelled.
    """
    job_ids = read_job_ids(sweep)
    queued = _queued_jobs(job_ids)
    for name in queued.keys() & {job.name for job in jobs}:
        log.info("%s  is job %s already: %s", name, job_ids[name], queued[name])
    new_jobs = [job for job in jobs if job.name not in queued]
    array_jobs, request = arrays.split(new_jobs, request)
    for array in array_jobs:
        atomic_files.write_json(sweep / _FOLDER / _IDS, job_ids)  # fails now if the disk is full
        job_ids |= _submit_array(array, request, sweep, allow)
        _record_job_ids(sweep, job_ids, [job_ids[job.name] for job in array])
        for job in array:
            log.info("%s  submitted as job %s", job.name, job_ids[job.name])
    return {job.name: job_ids[job.name] for job in jobs}


def _queued_jobs(job_ids: Mapping[str, str]) -> dict[str, SlurmState]:
    """Return the state of those jobs that are queued or running, by name.

    Raises:
        ConfigError: Slurm does not respond.
    """
    try:
        states = queue.job_states(job_ids.values())
    except OSError as error:
        problem = f"hydra/launcher=slurm: expected Slurm to respond; {error}"
        raise ConfigError([problem]) from None
    return {name: states[i] for name, i in job_ids.items() if not states[i].is_over}


def _record_job_ids(sweep: Path, job_ids: Mapping[str, str], new_ids: Sequence[str]) -> None:
    """Write the job ids; cancel the new jobs if that fails: no job may train unrecorded."""
    try:
        atomic_files.write_json(sweep / _FOLDER / _IDS, job_ids)
    except CannotWrite as error:
        slurm_jobs = list(dict.fromkeys(job_id.partition("_")[0] for job_id in new_ids))
        submitted = f"job {' '.join(slurm_jobs)}"
        try:
            queue.run_command("scancel", *slurm_jobs)
        except OSError as refusal:
            raise CannotWrite(
                f"{error}; {submitted} is submitted, scancel failed: {refusal}"
            ) from None
        raise CannotWrite(f"{error}; {submitted}, just submitted, is cancelled") from None


def wait_for_jobs(
    job_ids: Mapping[str, str], seconds: float, stop: StopFlag
) -> dict[str, SlurmState]:
    """Wait until all jobs have ended; log each change of state; return the final states by name.

    Args:
        job_ids: the Slurm job ids, by job name.
        seconds: time between two looks at the queue.
        stop: whether a signal has come; then only the jobs that have ended are returned.
    """
    latest: dict[str, SlurmState] = {}
    is_silent = False
    while True:
        try:
            states, is_silent = queue.job_states(job_ids.values()), False
        except OSError as error:  # its controller is being restarted, say
            if not is_silent:
                log.info("Slurm does not respond, retrying: %s", error)
            states, is_silent = {}, True
        for name, job_id in job_ids.items() if states else ():
            if name not in latest or latest[name].name != states[job_id].name:
                log.info("%s  job %s  %s", name, job_id, states[job_id])
            latest[name] = states[job_id]
        if stop() or (states and all(state.is_over for state in states.values())):
            return {name: state for name, state in latest.items() if state.is_over}
        _sleep(seconds, stop)


def _sleep(seconds: float, stop: StopFlag) -> None:
    """Sleep until the time is over or a signal has come."""
    end = time.monotonic() + seconds
    while not stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _POLL))


def _submit_array(
    jobs: Sequence[Job], request: ResourceRequest, sweep: Path, allow: Sequence[str]
) -> dict[str, str]:
    """Submit jobs as one array; return their Slurm job ids by name.

    Raises:
        ConfigError: Slurm refuses the jobs.
    """
    from submitit import SlurmExecutor  # an extra; `partitions.read_request` has checked for it
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = SlurmExecutor(sweep / _FOLDER)
    executor.update_parameters(**_executor_parameters(request))
    try:
        with executor.batch():
            submitted = {
                job.name: executor.submit(
                    exec_command, _command(job, request, allow), str(job.folder.resolve())
                )
                for job in jobs
            }
    except (FailedJobError, FailedSubmissionError) as error:
        raise ConfigError([f"hydra/launcher=slurm: Slurm refuses the jobs: {error}"]) from None
    return {name: str(slurm_job.job_id) for name, slurm_job in submitted.items()}


def _command(job: Job, request: ResourceRequest, allow: Sequence[str]) -> list[str]:
    python, _, _, *overrides = job.command()
    overrides += [f"resume.allow=[{','.join(allow)}]"] if allow else []
    return [python, "-m", "trainer.requeue", str(request.max_requeues), *overrides]


def _executor_parameters(request: ResourceRequest) -> dict[str, Any]:
    """Return the requested resources under submitit's names."""
    sbatch_options = {
        "signal": f"USR1@{request.signal_seconds}",  # submitit's default is USR2
        "requeue": True,
        **request.sbatch,
    }
    parameters = {
        "job_name": "trainer",
        "partition": request.partition,
        "account": request.account,
        "qos": request.qos,
        "time": request.minutes,
        "cpus_per_task": request.cpus_per_task,
        "mem": None if request.mem_gb is None else f"{int(1024 * request.mem_gb)}M",
        "gres": request.gres,
        "nodes": request.nodes,
        "ntasks_per_node": request.tasks_per_node,
        "array_parallelism": request.array_parallelism,
        "setup": request.setup,
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={request.cpus_per_task}"],
    }
    present = {key: value for key, value in parameters.items() if value is not None}
    # submitit's default wckey is "submitit", which some sites refuse
    return {"additional_parameters": sbatch_options, "wckey": None, **present}


def exec_command(command: Sequence[str], folder: str) -> None:
    """Replace this process by a command whose output goes to a file in ``folder``; runs in a job.

    Signals and exit codes then pass between the command and Slurm: submitit swallows SIGTERM, and
    makes Slurm record failed jobs as COMPLETED.
    """
    rank = os.environ.get("SLURM_PROCID", "0")
    path = Path(folder) / (OUTPUT if rank == "0" else f"rank{rank}_{OUTPUT}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.execv(command[0], list(command))

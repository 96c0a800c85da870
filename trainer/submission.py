"""Submission: the runs of a sweep become jobs of Slurm, by way of submitit, and are watched."""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer import files, slurm
from trainer.errors import Mistake
from trainer.job import Job
from trainer.offer import Wanted
from trainer.slurm import State

log = logging.getLogger(__name__)

_OWN = ".slurm"  # in a sweep's folder: what submitit writes, and
_IDS = "jobs.json"  # the jobs' numbers by the runs' names


def ids(sweep: Path) -> dict[str, str]:
    """Return Slurm's numbers of the jobs that were submitted for a sweep, by the runs' names."""
    with suppress(OSError, ValueError):
        return dict(json.loads((sweep / _OWN / _IDS).read_text()))
    return {}


def submit(jobs: Sequence[Job], wanted: Wanted, sweep: Path) -> dict[str, str]:
    """Submit runs as one array, except those whose jobs wait or run already; return all numbers.

    Args:
        jobs: what is to be done.
        wanted: resources of each.
        sweep: where the numbers are recorded, and submitit has its files.

    Raises:
        Mistake: Slurm refuses them; none is submitted.
    """
    before = ids(sweep)
    known = slurm.states(before.values())
    waiting = {name for name, number in before.items() if not known[number].over}
    new = [job for job in jobs if job.name not in waiting]
    for name in waiting & {job.name for job in jobs}:
        log.info("%s  is job %s already: %s", name, before[name], known[before[name]])
    if new:
        numbers = dict(zip((job.name for job in new), _submit(new, wanted, sweep), strict=True))
        files.write_json(sweep / _OWN / _IDS, before | numbers)
        for name, number in numbers.items():
            log.info("%s  submitted as job %s", name, number)
        before |= numbers
    return {job.name: before[job.name] for job in jobs}


def wait(numbers: Mapping[str, str], seconds: float) -> dict[str, State]:
    """Wait until all jobs are over, a line for each change; return their states by name.

    Args:
        numbers: of the jobs, by the runs' names.
        seconds: from one look to the next.
    """
    seen: dict[str, str] = {}
    silent = False
    while True:
        try:
            found, silent = slurm.states(numbers.values()), False
        except OSError as error:  # its controller is being restarted, say
            if not silent:
                log.info("Slurm does not answer, going on to ask: %s", error)
            found, silent = {}, True
        for name, number in numbers.items() if found else ():
            if seen.get(name) != found[number].name:
                log.info("%s  job %s  %s", name, number, found[number])
                seen[name] = found[number].name
        if found and all(state.over for state in found.values()):
            return {name: found[number] for name, number in numbers.items()}
        time.sleep(seconds)


def _submit(jobs: Sequence[Job], wanted: Wanted, sweep: Path) -> list[str]:
    """Return the numbers of the new jobs."""
    try:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError
    except ImportError:
        text = "expected the package submitit; pip install 'freeze-trainer[slurm]'"
        raise Mistake([f"hydra/launcher=slurm: {text}"]) from None
    executor = SlurmExecutor(sweep / _OWN)
    executor.update_parameters(**_parameters(wanted))
    try:
        with executor.batch():
            made = [executor.submit(become, _command(job, wanted), str(job.folder)) for job in jobs]
    except (FailedJobError, FailedSubmissionError) as error:
        raise Mistake([f"hydra/launcher=slurm: Slurm refuses the jobs: {error}"]) from None
    return [str(one.job_id) for one in made]


def _command(job: Job, wanted: Wanted) -> list[str]:
    words = [sys.executable, "-m", "trainer.requeue", str(wanted.max_requeues)]
    return [*words, *job.overrides, f"hydra.run.dir={job.folder}"]


def _parameters(wanted: Wanted) -> dict[str, Any]:
    """Return what submitit calls the wanted resources."""
    more = {
        "signal": f"USR1@{wanted.signal_seconds}",  # submitit's own is USR2
        "requeue": True,
        **wanted.sbatch,
    }
    given = {
        "job_name": "trainer",
        "partition": wanted.partition,
        "account": wanted.account,
        "qos": wanted.qos,
        "time": wanted.minutes,
        "cpus_per_task": wanted.cpus_per_task,
        "mem": None if wanted.mem_gb is None else f"{int(1024 * wanted.mem_gb)}M",
        "gres": wanted.gres,
        "nodes": wanted.nodes,
        "ntasks_per_node": wanted.tasks_per_node,
        "array_parallelism": wanted.array_parallelism,
        "setup": wanted.setup,
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={wanted.cpus_per_task}"],
    }
    present = {key: value for key, value in given.items() if value is not None}
    return {"additional_parameters": more, "wckey": None, **present}  # submitit's is "submitit"


def become(command: Sequence[str], folder: str) -> None:
    """Put a command in this process's place, with a log in its folder; called in a job.

    So that signals and exit codes pass between the command and Slurm: submitit swallows SIGTERM,
    and has Slurm record jobs that failed as COMPLETED.
    """
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    number = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    rank = os.environ.get("SLURM_PROCID", "0")
    path = Path(folder) / (f"slurm-{number}.out" if rank == "0" else f"slurm-{number}.{rank}.out")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.execv(command[0], list(command))

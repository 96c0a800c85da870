"""Submission: the runs of a sweep become jobs of Slurm, by way of submitit, and are watched."""

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
from trainer.launch.slurm import queue
from trainer.launch.slurm.partitions import ResourceRequest
from trainer.launch.slurm.queue import SlurmState

log = logging.getLogger(__name__)

_OWN = ".slurm"  # in a sweep's folder: what submitit writes, and
_IDS = "ids.json"  # the jobs' numbers by the runs' names
_POLL = 0.2  # seconds between looks whether a signal has come


def ids(sweep: Path) -> dict[str, str]:
    """Return Slurm's numbers of the jobs that were submitted for a sweep, by the runs' names.

    Raises:
        ConfigError: they cannot be read; taken for none, all jobs would be submitted once more.
    """
    path = sweep / _OWN / _IDS
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            [f"{path}: expected the numbers of Slurm's jobs by name; {error}"]
        ) from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ConfigError(
            [f"{path}: expected the numbers of Slurm's jobs by name, received {found!r}"]
        )
    return found


def states(sweep: Path) -> dict[str, SlurmState]:
    """Return the states of a sweep's jobs by name; none where it has none, or Slurm cannot say."""
    with suppress(OSError, ConfigError):
        numbers = ids(sweep)
        found = queue.states(numbers.values())
        return {name: found[number] for name, number in numbers.items()}
    return {}


def submit(
    jobs: Sequence[Job], wanted: ResourceRequest, sweep: Path, allow: Sequence[str] = ()
) -> dict[str, str]:
    """Submit runs as one array, except those whose jobs wait or run already; return all numbers.

    Args:
        jobs: what is to be done.
        wanted: resources of each.
        sweep: where the numbers are recorded, and submitit has its files.
        allow: what may have changed since the runs began; see ``trainer.checkpoint.resume``.

    Raises:
        ConfigError: Slurm refuses them, or does not say which wait already; none is submitted.
        CannotWrite: their numbers cannot be recorded; none is submitted, or all are cancelled.
    """
    before = ids(sweep)
    try:
        known = queue.states(before.values())
    except OSError as error:
        text = f"hydra/launcher=slurm: expected a Slurm that answers; {error}"
        raise ConfigError([text]) from None
    waiting = {name for name, number in before.items() if not known[number].over}
    new = [job for job in jobs if job.name not in waiting]
    for name in waiting & {job.name for job in jobs}:
        log.info("%s  is job %s already: %s", name, before[name], known[before[name]])
    if new:
        atomic_files.write_json(sweep / _OWN / _IDS, before)  # a full disk is to be known of first
        made = _submit([_command(job, wanted, allow) for job in new], new, wanted, sweep)
        numbers = dict(zip((job.name for job in new), made, strict=True))
        _record(sweep, before, numbers)
        for name, number in numbers.items():
            log.info("%s  submitted as job %s", name, number)
        before |= numbers
    return {job.name: before[job.name] for job in jobs}


def _record(sweep: Path, before: Mapping[str, str], numbers: Mapping[str, str]) -> None:
    """Record new jobs with those before; jobs that nothing tells of must not train."""
    try:
        atomic_files.write_json(sweep / _OWN / _IDS, {**before, **numbers})
    except CannotWrite as error:
        new = " ".join(dict.fromkeys(one.partition("_")[0] for one in numbers.values()))
        try:
            queue.ask("scancel", *new.split())
        except OSError as refused:
            raise CannotWrite(
                f"{error}; job {new} is submitted, scancel fails: {refused}"
            ) from None
        raise CannotWrite(f"{error}; job {new}, just submitted, is cancelled") from None


def watch(numbers: Mapping[str, str], seconds: float, stop: StopFlag) -> dict[str, SlurmState]:
    """Wait until all jobs are over, a line for each change; return their states by name.

    Args:
        numbers: of the jobs, by the runs' names.
        seconds: from one look to the next.
        stop: tells why to stop, if so; then what is over by then is returned.
    """
    seen: dict[str, SlurmState] = {}
    silent = False
    while True:
        try:
            found, silent = queue.states(numbers.values()), False
        except OSError as error:  # its controller is being restarted, say
            if not silent:
                log.info("Slurm does not answer, it is asked again: %s", error)
            found, silent = {}, True
        for name, number in numbers.items() if found else ():
            if name not in seen or seen[name].name != found[number].name:
                log.info("%s  job %s  %s", name, number, found[number])
            seen[name] = found[number]
        if stop() or (found and all(state.over for state in found.values())):
            return {name: state for name, state in seen.items() if state.over}
        _sleep(seconds, stop)


def _sleep(seconds: float, stop: StopFlag) -> None:
    """Sleep, but not through a signal."""
    end = time.monotonic() + seconds
    while not stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _POLL))


def _submit(
    commands: Sequence[list[str]], jobs: Sequence[Job], wanted: ResourceRequest, sweep: Path
) -> list[str]:
    """Return the numbers of the new jobs."""
    from submitit import SlurmExecutor  # an extra, which `offer` has looked for
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = SlurmExecutor(sweep / _OWN)
    executor.update_parameters(**_parameters(wanted))
    try:
        with executor.batch():
            made = [
                executor.submit(become, command, str(job.folder.resolve()))
                for command, job in zip(commands, jobs, strict=True)
            ]
    except (FailedJobError, FailedSubmissionError) as error:
        raise ConfigError([f"hydra/launcher=slurm: Slurm refuses the jobs: {error}"]) from None
    return [str(one.job_id) for one in made]


def _command(job: Job, wanted: ResourceRequest, allow: Sequence[str]) -> list[str]:
    python, _, _, *words = job.command()
    words += [f"resume.allow=[{','.join(allow)}]"] if allow else []
    return [python, "-m", "trainer.requeue", str(wanted.max_requeues), *words]


def _parameters(wanted: ResourceRequest) -> dict[str, Any]:
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
    rank = os.environ.get("SLURM_PROCID", "0")
    path = Path(folder) / (OUTPUT if rank == "0" else f"rank{rank}_{OUTPUT}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.execv(command[0], list(command))

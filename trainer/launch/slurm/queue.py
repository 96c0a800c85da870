"""Slurm's queue: the states of jobs, and the cluster's limit on arrays. Pure Python."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "SUSPENDED", "RESV_DEL_HOLD"}
_ACTIVE = {"RUNNING", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED"}
FORGOTTEN = "FORGOTTEN"
_UNKNOWN_JOB = "Invalid job id specified"  # squeue says so only if no other job is asked for
_TIMEOUT = 60  # seconds for one command; a busy controller may take long
_DEFAULT_ARRAY_SIZE = 1001  # Slurm's default of MaxArraySize


@dataclass(frozen=True)
class SlurmState:
    """The state of a job.

    Attributes:
        name: Slurm's name (PENDING, RUNNING, COMPLETED, FAILED, TIMEOUT, ...); ``FORGOTTEN`` if it
            no longer knows the job.
        code: its exit code, 128 and more for one killed by a signal; None: not ended, or unknown.
        detail: why it waits or has failed, or its nodes; may be empty.
    """

    name: str
    code: int | None = None
    detail: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it will not run again by itself."""
        return self.name not in _WAITING | _ACTIVE

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


def job_states(job_ids: Iterable[str]) -> dict[str, SlurmState]:
    """Return the state of each job.

    ``squeue`` is asked first, which knows a job for some minutes after its end; then ``sacct``,
    which not every site has.

    Args:
        job_ids: ``17`` of a single job, ``17_3`` of one in an array.

    Raises:
        OSError: there is no squeue here, or it does not respond.
    """
    distinct = list(dict.fromkeys(job_ids))
    states = _squeue_states(distinct) if distinct else {}
    states |= _sacct_states([job_id for job_id in distinct if job_id not in states])
    return {job_id: states.get(job_id, SlurmState(FORGOTTEN)) for job_id in distinct}


def _squeue_states(job_ids: Sequence[str]) -> dict[str, SlurmState]:
    """Return the states of the jobs that the controller still knows."""
    fields = ("JobArrayID", "State", "exit_code", "Reason", "NodeList")
    form = ",".join(f"{field}:|" for field in fields)
    # Jobs of all users, in hidden partitions too; an array is asked for as a whole.
    arrays = ",".join(dict.fromkeys(job_id.partition("_")[0] for job_id in job_ids))
    selection = ("--all", "--states=all", f"--jobs={arrays}")
    try:
        output = run_command("squeue", "--noheader", "--array", *selection, "-O", form)
    except OSError as error:
        if _UNKNOWN_JOB not in str(error):
            raise
        output = ""
    states, requested = {}, set(job_ids)
    for line in output.splitlines():
        job_id, name, status, reason, nodes = line.split("|")[:5]
        if job_id in requested:
            has_code = SlurmState(name).is_over and status.isdigit()
            detail = nodes if name in _ACTIVE else reason
            code = _shell_exit_code(int(status)) if has_code else None
            states[job_id] = SlurmState(name, code, "" if detail in ("None", "") else detail)
    return states


def _sacct_states(job_ids: Sequence[str]) -> dict[str, SlurmState]:
    """Return the states in Slurm's accounting; none where a site has no accounting."""
    if not job_ids:
        return {}
    command = ["sacct", "--noheader", "--parsable2", "--allocations", "-o", "JobID,State,ExitCode"]
    try:
        output = run_command(*command, "-j", ",".join(job_ids))
    except OSError:
        return {}
    states = {}
    for row in output.splitlines():
        job_id, state, exit_code = row.split("|")[:3]
        status, _, signal_number = exit_code.partition(":")
        killed = signal_number not in ("", "0")
        code = 128 + int(signal_number) if killed else int(status)
        name = state.split()[0]  # CANCELLED by 0
        states[job_id] = SlurmState(name, code if SlurmState(name).is_over else None)
    return {job_id: state for job_id, state in states.items() if job_id in job_ids}


def max_array_size() -> int:
    """Return the largest number of jobs in an array, at least 1.

    Raises:
        OSError: Slurm does not respond.
    """
    limit = re.search(r"^MaxArraySize\s*=\s*(\d+)", run_command("scontrol", "show", "config"), re.M)
    return max(1, int(limit[1]) if limit else _DEFAULT_ARRAY_SIZE)  # 0: arrays are disabled


def run_command(*command: str) -> str:
    """Return the output of one of Slurm's commands.

    Raises:
        OSError: it is missing, fails, or does not respond within a minute.
    """
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} does not respond") from None
    if process.returncode:
        lines = (process.stderr or process.stdout).strip().splitlines()
        raise OSError(lines[-1] if lines else f"{command[0]} exited with {process.returncode}")
    return process.stdout


def _shell_exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

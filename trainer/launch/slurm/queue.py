"""Slurm: what it says of its jobs and its nodes. Pure Python."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "SUSPENDED", "RESV_DEL_HOLD"}
_AT_WORK = {"RUNNING", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED"}
FORGOTTEN = "FORGOTTEN"
_UNKNOWN = "Invalid job id specified"  # said only where no other job is asked for
_SECONDS = 60  # for one question; a busy controller may take long


@dataclass(frozen=True)
class SlurmState:
    """The state of a job.

    Attributes:
        name: as Slurm calls it (PENDING, RUNNING, COMPLETED, FAILED, TIMEOUT, ...); ``FORGOTTEN``
            if it knows the job no more.
        code: its exit code, 128 and more for one that a signal ended; None: not ended, or unknown.
        detail: why it waits or has failed, or where it is; may be empty.
    """

    name: str
    code: int | None = None
    detail: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it will not run again by itself."""
        return self.name not in _WAITING | _AT_WORK

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


def job_states(ids: Iterable[str]) -> dict[str, SlurmState]:
    """Return the state of each job.

    ``squeue`` is asked first, which knows a job for some minutes after its end; then ``sacct``,
    which not every site has.

    Args:
        ids: ``17`` of a single job, ``17_3`` of one in an array.

    Raises:
        OSError: there is no squeue here, or it does not answer.
    """
    asked = list(dict.fromkeys(ids))
    found = _squeue_states(asked) if asked else {}
    found |= _sacct_states([one for one in asked if one not in found])
    return {one: found.get(one, SlurmState(FORGOTTEN)) for one in asked}


def _squeue_states(ids: list[str]) -> dict[str, SlurmState]:
    """Return what the controller still knows."""
    fields = ("JobArrayID", "State", "exit_code", "Reason", "NodeList")
    form = ",".join(f"{field}:|" for field in fields)
    # Whoever submitted them, and in hidden partitions too; arrays are asked for as a whole.
    numbers = ",".join(dict.fromkeys(one.partition("_")[0] for one in ids))
    of = ("--all", "--states=all", f"--jobs={numbers}")
    try:
        said = run_command("squeue", "--noheader", "--array", *of, "-O", form)
    except OSError as error:
        if _UNKNOWN not in str(error):
            raise
        said = ""
    found, wanted = {}, set(ids)
    for line in said.splitlines():
        name, state, status, reason, nodes = line.split("|")[:5]
        if name in wanted:
            known = SlurmState(state)
            code = _shell_code(int(status)) if known.is_over and status.isdigit() else None
            detail = nodes if state in _AT_WORK else reason
            found[name] = SlurmState(state, code, "" if detail in ("None", "") else detail)
    return found


def _sacct_states(ids: list[str]) -> dict[str, SlurmState]:
    """Return what the accounting knows; nothing where a site has none."""
    if not ids:
        return {}
    line = ["sacct", "--noheader", "--parsable2", "--allocations", "-o", "JobID,State,ExitCode"]
    try:
        said = run_command(*line, "-j", ",".join(ids))
    except OSError:
        return {}
    found = {}
    for row in said.splitlines():
        name, state, code = row.split("|")[:3]
        status, _, number = code.partition(":")
        ended = 128 + int(number) if number not in ("", "0") else int(status)
        known = SlurmState(state.split()[0])  # CANCELLED by 0
        found[name] = SlurmState(known.name, ended if known.is_over else None)
    return {name: state for name, state in found.items() if name in ids}


def run_command(*line: str) -> str:
    """Return what a command of Slurm prints.

    Raises:
        OSError: it is missing, fails, or does not answer within a minute.
    """
    try:
        ended = subprocess.run(line, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise OSError(f"{line[0]} does not answer") from None
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip().splitlines()
        raise OSError(said[-1] if said else f"{line[0]} ended with {ended.returncode}")
    return ended.stdout


def _shell_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

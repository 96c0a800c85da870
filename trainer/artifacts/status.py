"""Status: the state of a run, in its folder. Needs no MindSpore."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from trainer.artifacts import run_result
from trainer.core import atomic_files, file_lock, format_version
from trainer.core.errors import CannotWrite, Stopped
from trainer.core.exit_status import exit_status
from trainer.core.run_files import STATUS

State: TypeAlias = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Status:
    """The state of a run.

    Attributes:
        state: running, done, stopped (it resumes if it is started again) or failed.
        code: the exit code; negative, the signal that killed it; None while it runs.
        why: the message with which it ended; empty if it ended well, and not early.
        host: the machine on which it ran last.
        process: its process ID there.
        job: Slurm's job ID; empty outside Slurm.
    """

    state: State
    code: int | None = None
    why: str = ""
    host: str = ""
    process: int = 0
    job: str = ""


@contextmanager
def keep_status(run: Path) -> Iterator[None]:
    """Keep ``status.json`` up to date while the block trains in a run's folder."""
    job = os.environ.get("SLURM_JOB_ID", "")
    running = Status("running", host=socket.gethostname(), process=os.getpid(), job=job)
    write(run, running)
    try:
        yield
    except BaseException as error:
        state: State = "stopped" if isinstance(error, Stopped | KeyboardInterrupt) else "failed"
        code, why = exit_status(error)
        with suppress(CannotWrite):  # the error that ended the run is the one to report
            write(run, replace(running, state=state, code=code, why=why))
        raise
    write(run, replace(running, state="done", code=0, why=run_result.reason(run)))


def write(run: Path, status: Status) -> None:
    """Write a run's status."""
    atomic_files.write_json(run / STATUS, format_version.stamp(asdict(status)))


def read(run: Path) -> Status | None:
    """Return the state of a run; None if it has not begun, or what it wrote cannot be read.

    A run that was killed could not record it: the lock on its folder, which is free, shows it.

    Raises:
        ConfigError: a newer trainer has written it.
    """
    status = read_recorded(run)
    if status is None or status.state != "running" or file_lock.is_taken(run):
        return status
    status = read_recorded(run)  # it may have ended just now
    if status is None or status.state != "running":
        return status
    return replace(status, state="failed", why="it was killed, or its machine went down")


def read_recorded(run: Path) -> Status | None:
    """Return the state that a run recorded last; None if there is none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        data = json.loads((run / STATUS).read_text())
        return Status(**format_version.content(data, run / STATUS))
    return None

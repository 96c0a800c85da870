"""Status: how a run stands, in its folder. Needs no MindSpore."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from trainer.core import atomic_files, file_lock, format_version
from trainer.core.errors import CannotWrite, Stopped
from trainer.core.exit_status import exit_status
from trainer.core.run_files import STATUS

State: TypeAlias = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Status:
    """How a run stands.

    Attributes:
        state: running, done, stopped (it goes on if it is started again) or failed.
        code: the exit code; negative, the signal that killed it; None: it runs.
        why: the message with which it ended; empty if all is well.
        host: the machine it ran on last.
        process: its number there.
        job: Slurm's number of the job; empty outside Slurm.
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
    here = Status("running", host=socket.gethostname(), process=os.getpid(), job=job)
    write(run, here)
    try:
        yield
    except BaseException as error:
        state: State = "stopped" if isinstance(error, Stopped | KeyboardInterrupt) else "failed"
        code, why = exit_status(error)
        with suppress(CannotWrite):  # of which the error tells, if it is not that itself
            write(run, replace(here, state=state, code=code, why=why))
        raise
    write(run, replace(here, state="done", code=0))


def write(run: Path, status: Status) -> None:
    """Write a run's status."""
    atomic_files.write_json(run / STATUS, format_version.stamp(asdict(status)))


def read(run: Path) -> Status | None:
    """Return how a run stands; None: it has not begun, or what it wrote cannot be read.

    One that was killed could not say so: it is told from one at work by the lock on its folder.
    """
    found = recorded(run)
    if found is None or found.state != "running" or file_lock.is_taken(run):
        return found
    again = recorded(run)  # it may have ended just now
    if again is None or again.state != "running":
        return again
    return replace(found, state="failed", why="it was killed, or its machine went down")


def recorded(run: Path) -> Status | None:
    """Return what a run has written last of how it stands; None: nothing that can be read."""
    with suppress(OSError, ValueError, TypeError):
        data = json.loads((run / STATUS).read_text())
        return Status(**format_version.content(data, run / STATUS))
    return None

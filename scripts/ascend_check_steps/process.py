"""Runs a command with a time limit, and ends every process that it has started."""

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_TAIL = 60_000  # bytes of the output that are kept
_OUTPUT_LIMIT = 20_000_000  # bytes after which a command is ended
_POLL = 0.05  # seconds between two looks at a command
_ABORT_GRACE = 5.0  # seconds for the tracebacks of a command that has reached its limit
_EXIT_GRACE = 2.0  # seconds for processes that outlive their command
_KILL_GRACE = 10.0  # seconds after SIGKILL; a process that waits in a driver does not end
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        argv: the command.
        code: its exit code, negative if a signal ended it; None: it could not be started.
        seconds: its wall time.
        output: the end of what it wrote to stdout and stderr.
        ended_because: why it was ended; empty if it ended by itself.
        leftovers: the number of its processes that had to be killed after it had ended by itself.
    """

    argv: tuple[str, ...]
    code: int | None
    seconds: float
    output: str
    ended_because: str = ""
    leftovers: int = 0


def run(argv: Sequence[str], folder: Path, variables: Mapping[str, str], limit: float) -> Outcome:
    """Run a command, and leave no process of it behind, whatever happens.

    Its output goes to memory, because the disk may be full.

    Args:
        argv: the command.
        folder: its working directory.
        variables: its environment variables.
        limit: seconds after which it is ended.
    """
    output = os.memfd_create("output")
    try:
        with _adopt_orphans():
            return _run(argv, folder, variables, limit, output)
    finally:
        os.close(output)


def _run(
    argv: Sequence[str], folder: Path, variables: Mapping[str, str], limit: float, output: int
) -> Outcome:
    start, others = time.monotonic(), _descendants()
    try:
        process = _start(argv, folder, variables, output)
    except OSError as error:
        return Outcome(tuple(argv), None, 0.0, "", f"it could not be started: {error}")
    try:
        reason = _wait(process, output, limit, others)
        leftovers = 0 if reason else _leftovers(others)
    finally:
        immortal = _kill(process, others)
    seconds = time.monotonic() - start
    if immortal:
        reason += f"; {immortal} of its processes could not be killed"
    reason = reason.removeprefix("; ")
    return Outcome(tuple(argv), process.returncode, seconds, _tail(output), reason, leftovers)


def _start(
    argv: Sequence[str], folder: Path, variables: Mapping[str, str], output: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_prepare_child,
    )


def _prepare_child() -> None:
    """End the command with this process, and write no core file where one crashes."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _wait(process: "subprocess.Popen[bytes]", output: int, limit: float, others: set[int]) -> str:
    """Wait for a command; return why it had to be ended, or an empty text."""
    end = time.monotonic() + limit
    reason = ""
    while process.poll() is None and not reason:
        if os.fstat(output).st_size > _OUTPUT_LIMIT:
            reason = f"it wrote more than {_OUTPUT_LIMIT // 1_000_000} MB of output"
        elif time.monotonic() > end:
            reason = f"it was not finished after {limit:.0f} s"
            _dump_tracebacks(others)
        else:
            time.sleep(_POLL)
    return reason


def _dump_tracebacks(others: set[int]) -> None:
    """Abort all processes: with PYTHONFAULTHANDLER Python writes where each of its threads is."""
    _signal(_descendants() - others, signal.SIGABRT)
    _wait_until_gone(others, _ABORT_GRACE)


def _leftovers(others: set[int]) -> int:
    """Return the number of processes that outlive their command, after a moment."""
    _wait_until_gone(others, _EXIT_GRACE)
    return len(_descendants() - others)


def _wait_until_gone(others: set[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    while _descendants() - others and time.monotonic() < end:
        time.sleep(_POLL)


def _kill(process: "subprocess.Popen[bytes]", others: set[int]) -> int:
    """Kill all processes of a command, also those in other sessions; return how many remain."""
    end = time.monotonic() + _KILL_GRACE
    adopted: set[int] = set()
    while (running := _descendants() - others) and time.monotonic() < end:
        _signal(running, signal.SIGKILL)
        adopted |= running - {process.pid}
        time.sleep(_POLL)
    process.poll()
    for pid in adopted:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return len(running)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


@contextmanager
def _adopt_orphans() -> Iterator[None]:
    """Become the parent of processes that lose theirs, so that they remain descendants."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _descendants() -> set[int]:
    """Return the processes that this one has started, directly or not, without zombies."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            state, parent, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
            if state != "Z":
                children.setdefault(int(parent), []).append(int(stat.parent.name))
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        new = children.get(waiting.pop(), [])
        found.update(new)
        waiting.extend(new)
    return found


def _tail(output: int) -> str:
    size = os.fstat(output).st_size
    start = max(0, size - _TAIL)
    return os.pread(output, _TAIL, start).decode(errors="replace")

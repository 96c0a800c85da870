"""Supervisor: starts the ranks of a run on this machine and ends them all when one has failed.

MindSpore's own ``msrun`` does not serve. Version 2.10 exits with 1 whatever a rank's exit code is.
It kills the others by SIGKILL as soon as one of them exits with anything but 0, so that one which
is saving does not finish, and takes 36 to 40 s for that. It exits with 0 after Ctrl-C, and does not
forward SIGTERM. The environment variables that it sets are set here.
"""

import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from trainer.config.groups import Distributed
from trainer.core.errors import (
    BadData,
    ConfigError,
    FrozenMoved,
    Interrupted,
    NotFinite,
    RankLost,
    RanksDiffer,
    Stopped,
    TrainerExit,
)
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, scheduler
from trainer.distributed.rendezvous import ROLE, STARTED, WORKER, RendezvousInfo

Process: TypeAlias = "subprocess.Popen[bytes]"

_POLL = 0.1  # seconds between two looks at the ranks
_GRACE_AFTER_KILL = 1  # seconds left to the others when one was killed: they cannot end well
_GRACE_AFTER_EXIT = 15  # ... and when one has exited by itself: they are about to
# All ranks exit with these codes together: the main rank may still be writing its files.
_SHARED_CODES = {
    e.code for e in (BadData, ConfigError, FrozenMoved, NotFinite, RanksDiffer, Stopped)
}


class RanksEnded(TrainerExit):
    """The ranks have ended with an error, which they have reported themselves."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


def run_ranks(overrides: Sequence[str], settings: Distributed, logs: Path, stop: StopFlag) -> None:
    """Start the ranks and wait until all have ended.

    Args:
        overrides: overrides of the run.
        settings: the number of ranks, and their timeout.
        logs: folder for the ranks' logs; the main rank logs to the screen.
        stop: whether a signal has come; it is forwarded to the ranks.

    Raises:
        TrainerExit: they have not ended well.
    """
    port = rendezvous.free_port()
    infos = [
        RendezvousInfo(rank, settings.ranks, rank, "127.0.0.1", port)
        for rank in range(settings.ranks)
    ]
    logs.mkdir(exist_ok=True)
    scheduler_process = scheduler.start(infos[0], settings.timeout)
    ranks = [_start_rank(overrides, info, settings.timeout, logs) for info in infos]
    try:
        supervisor = _Supervisor(ranks, scheduler_process, logs, stop, settings.timeout)
        if failure := supervisor.wait():
            raise failure
    finally:
        for process in [*ranks, scheduler_process]:
            process.kill()
            process.wait()


def _start_rank(
    overrides: Sequence[str], info: RendezvousInfo, timeout: int, logs: Path
) -> Process:
    """Start a rank in its own session, because Ctrl-C is forwarded by this process."""
    command = [sys.executable, "-m", "trainer", *overrides]
    environment = scheduler.environment(info, timeout) | {
        ROLE: WORKER,
        STARTED: "1",
        "MS_NODE_ID": str(info.rank),
        "DEVICE_ID": str(info.local_rank),
    }
    if info.rank == 0:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
    with (logs / f"{info.rank}.log").open("ab") as file:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )


class _Supervisor:
    """Waits for ranks; once one has failed, kills those that do not end in time.

    Args:
        ranks: their processes, in order.
        scheduler_process: the scheduler; it exits with an error once a rank has not responded to it
            in time.
        logs: see ``run_ranks``.
        stop: see ``run_ranks``.
        timeout: seconds that ranks wait for one another.
    """

    def __init__(
        self,
        ranks: Sequence[Process],
        scheduler_process: Process,
        logs: Path,
        stop: StopFlag,
        timeout: int,
    ) -> None:
        self._ranks = ranks
        self._scheduler = scheduler_process
        self._logs = logs
        self._stop = stop
        self._timeout = timeout
        self._stop_sent = False
        self._first_failed: int | None = None
        self._failed_at = math.inf
        self._killed: list[int] = []

    def wait(self) -> TrainerExit | None:
        """Wait until all ranks have ended; return how they failed, or None."""
        while None in self._codes():
            self._forward_stop()
            self._note_failure()
            if not self._killed and time.monotonic() - self._failed_at > self._grace():
                self._killed = [rank for rank, code in enumerate(self._codes()) if code is None]
                for rank in self._killed:
                    self._ranks[rank].kill()
            time.sleep(_POLL)
        self._note_failure()
        return self._failure() if any(self._codes()) else None

    def _codes(self) -> list[int | None]:
        return [process.poll() for process in self._ranks]

    def _forward_stop(self) -> None:
        if not self._stop_sent and self._stop():
            self._stop_sent = True
            for process in self._ranks:
                process.send_signal(signal.SIGTERM)

    def _note_failure(self) -> None:
        """Note which rank is the first to fail, or that the scheduler has failed."""
        if self._first_failed is None and not self._killed and any(codes := self._codes()):
            self._first_failed = _rank_to_blame(codes)
            self._failed_at = time.monotonic()
        if self._scheduler.poll():
            self._failed_at = min(self._failed_at, time.monotonic())

    def _grace(self) -> float:
        """Return the seconds that the other ranks get to end after a failure."""
        code = 0 if self._first_failed is None else self._codes()[self._first_failed] or 0
        if code in _SHARED_CODES:
            return max(self._timeout, _GRACE_AFTER_EXIT)
        return _GRACE_AFTER_KILL if code < 0 else _GRACE_AFTER_EXIT

    def _failure(self) -> TrainerExit:
        killed = _format_ranks(self._killed)
        if self._first_failed is None:
            why = f"expected a response from {killed} within distributed.timeout, received none"
            return RankLost(f"{why}; killed; see {self._logs}")
        code = self._codes()[self._first_failed] or 0
        rank, others = f"rank {self._first_failed}", f"; then killed: {killed}" if killed else ""
        if code == -signal.SIGTERM and self._stop_sent:
            return Interrupted("stopped before training began; nothing was written")
        if code < 0:
            name = signal.Signals(-code).name
            return RankLost(f"{rank} was killed by {name}{others}; see {self._logs}")
        if code == RankLost.code:
            lost = f"; no response came from {killed}, now killed" if killed else ""
            return RankLost(f"{rank} waited for another rank in vain{lost}; see {self._logs}")
        if code == Stopped.code:
            return Stopped(f"all {len(self._ranks)} ranks have stopped{others}")
        if self._first_failed == 0 and not killed:
            return RanksEnded(code, "")  # it has reported why
        log = "" if self._first_failed == 0 else f"; see {self._logs / f'{self._first_failed}.log'}"
        return RanksEnded(code, f"{rank} exited with code {code}{others}{log}")


def _rank_to_blame(codes: Sequence[int | None]) -> int:
    """Return the rank to blame if several have ended: one killed by a signal, else the lowest."""
    failed = [rank for rank, code in enumerate(codes) if code]
    return min(failed, key=lambda rank: ((codes[rank] or 0) > 0, rank))


def _format_ranks(ranks: Sequence[int]) -> str:
    return f"rank{'s'[: len(ranks) - 1]} {', '.join(map(str, ranks))}" if ranks else ""

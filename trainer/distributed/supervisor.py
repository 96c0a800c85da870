"""Supervisor: starts the ranks of a job on this machine, and sees to it that all end as one does.

MindSpore's own ``msrun`` was looked at first. Version 2.10 exits with 1 whatever a rank's exit code
is, kills the others by SIGKILL as soon as one of them exits with anything but 0, so that one which
is saving does not get to its end, takes 36 to 40 s for that here, exits with 0 after Ctrl-C, and
passes no SIGTERM on. What it sets in the environment is set here.
"""

import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from trainer.config.schema import Distributed
from trainer.core.errors import (
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
from trainer.distributed.rendezvous import ROLE, STARTED, WORKER, Place

Process: TypeAlias = "subprocess.Popen[bytes]"

_LOOK = 0.1  # seconds between two looks at the ranks
_AFTER_DEATH = 1  # seconds that the others are left when one was killed: they cannot end well
_AFTER_END = 15  # ... and when one has ended by itself: they are about to
# With these all ranks end: the first one may still be at work on its files.
_AGREED = {e.code for e in (ConfigError, FrozenMoved, NotFinite, RanksDiffer, Stopped)}


class RanksEnded(TrainerExit):
    """The ranks have ended other than well, and have said why."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


def run(
    words: Sequence[str], chosen: Distributed, logs: Path, stop: StopFlag
) -> TrainerExit | None:
    """Start ranks, wait until all have ended, and return how, if not well.

    Args:
        words: overrides of the run.
        chosen: how many, and how long they wait for one another.
        logs: folder of what they say; the first one has the screen.
        stop: tells whether a signal has come, which is passed on to the ranks.
    """
    port = rendezvous.free_port()
    places = [Place(n, chosen.ranks, n, "127.0.0.1", port) for n in range(chosen.ranks)]
    logs.mkdir(exist_ok=True)
    serving = scheduler.start(places[0], chosen.timeout)
    started = [_start(words, place, chosen.timeout, logs) for place in places]
    try:
        return _Watch(started, serving, logs, stop, chosen.timeout).outcome()
    finally:
        for process in [*started, serving]:
            process.kill()
            process.wait()


def _start(words: Sequence[str], place: Place, timeout: int, logs: Path) -> Process:
    """Start one; in a session of its own, for Ctrl-C comes by way of this process."""
    own = {STARTED: "1", "MS_NODE_ID": str(place.rank), "DEVICE_ID": str(place.local)}
    command = [sys.executable, "-m", "trainer", *words]
    environment = scheduler.environment(place, timeout) | {ROLE: WORKER} | own
    if place.rank == 0:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
    with (logs / f"{place.rank}.log").open("ab") as file:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )


class _Watch:
    """Ranks that have been started, watched until the last has ended.

    Args:
        ranks: their processes, in order.
        serving: the scheduler's, which ends with an error once a rank has not answered it in time.
        logs: see ``run``.
        stop: see ``run``.
        timeout: seconds that ranks wait for one another.
    """

    def __init__(
        self, ranks: Sequence[Process], serving: Process, logs: Path, stop: StopFlag, timeout: int
    ) -> None:
        self._ranks = ranks
        self._serving = serving
        self._logs = logs
        self._stop = stop
        self._timeout = timeout
        self._told = False
        self._first: int | None = None
        self._since = math.inf
        self._killed: list[int] = []

    def outcome(self) -> TrainerExit | None:
        """Wait for all of them; return how they ended, None: well."""
        while None in self._codes():
            self._pass_on()
            self._look()
            if not self._killed and time.monotonic() - self._since > self._left():
                self._killed = [n for n, code in enumerate(self._codes()) if code is None]
                for number in self._killed:
                    self._ranks[number].kill()
            time.sleep(_LOOK)
        self._look()
        return self._ending() if any(self._codes()) else None

    def _codes(self) -> list[int | None]:
        return [rank.poll() for rank in self._ranks]

    def _pass_on(self) -> None:
        if not self._told and self._stop():
            self._told = True
            for rank in self._ranks:
                rank.send_signal(signal.SIGTERM)

    def _look(self) -> None:
        """Note which rank is the first to end other than well, or that the scheduler has."""
        if self._first is None and not self._killed and any(codes := self._codes()):
            self._first = _worst(codes)
            self._since = time.monotonic()
        if self._serving.poll():
            self._since = min(self._since, time.monotonic())

    def _left(self) -> float:
        """Return the seconds that the others are left after that."""
        code = 0 if self._first is None else self._codes()[self._first] or 0
        if code in _AGREED:
            return max(self._timeout, _AFTER_END)
        return _AFTER_DEATH if code < 0 else _AFTER_END

    def _ending(self) -> TrainerExit:
        killed = _listed(self._killed)
        if self._first is None:
            why = f"expected an answer of {killed} within distributed.timeout, received none"
            return RankLost(f"{why}; killed; see {self._logs}")
        code = self._codes()[self._first] or 0
        who, others = f"rank {self._first}", f"; killed after it: {killed}" if killed else ""
        if code == -signal.SIGTERM and self._told:
            return Interrupted("stopped before training began; nothing was written")
        if code < 0:
            name = signal.Signals(-code).name
            return RankLost(f"{who} was ended by {name}{others}; see {self._logs}")
        if code == RankLost.code:
            lost = f"; no answer came from {killed}, killed since" if killed else ""
            return RankLost(f"{who} waited for another one in vain{lost}; see {self._logs}")
        if code == Stopped.code:
            return Stopped(f"all {len(self._ranks)} ranks have stopped{others}")
        if self._first == 0 and not killed:
            return RanksEnded(code, "")  # it has said why
        place = "" if self._first == 0 else f"; see {self._logs / f'{self._first}.log'}"
        return RanksEnded(code, f"{who} ended with exit code {code}{others}{place}")


def _worst(codes: Sequence[int | None]) -> int:
    """Return the rank to blame among those that were found ended at once: rather one killed."""
    return min((n for n, code in enumerate(codes) if code), key=lambda n: ((codes[n] or 0) > 0, n))


def _listed(ranks: Sequence[int]) -> str:
    return f"rank{'s'[: len(ranks) - 1]} {', '.join(map(str, ranks))}" if ranks else ""

"""Signals: one ends a run at the next step's end, a second one at once; so does a time budget."""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# The first two, always: MindSpore's graphs put in place a handler that turns SIGINT into SIGTERM.
_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_ONE_PRESS = 0.5  # seconds in which both may come of one press of Ctrl-C


class StopFlag:
    """Why to stop, if a signal has come or the time is up; call it to ask."""

    def __init__(self) -> None:
        self._received: float | None = None
        self._began = time.monotonic()
        self._minutes = math.inf

    def __call__(self) -> str:
        """Return why to stop; empty: go on."""
        if self._received is not None:
            return "stopped"
        return "stopped by max_minutes" if self._spent() >= 60 * self._minutes else ""

    def set_time_limit(self, minutes: float | None) -> None:
        """Stop when so many minutes have passed since the command began; None: whenever."""
        self._minutes = math.inf if minutes is None else minutes

    def _spent(self) -> float:
        return time.monotonic() - self._began

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal; a second one, a moment later, raises ``KeyboardInterrupt``."""
        now = time.monotonic()
        if self._received is not None:
            if now - self._received < _ONE_PRESS:
                return
            raise KeyboardInterrupt
        self._received = now
        # Not by logging or print: the signal may have come in the middle of one of theirs. And who
        # would read it may have gone, which is no reason to save nothing.
        with suppress(OSError):
            os.write(2, b"signal received: ending after this step; once more to end at once\n")


@contextmanager
def catch_signals() -> Iterator[StopFlag]:
    """Catch the signals while the block runs, and give what tells of them."""
    stop = StopFlag()
    before = [signal.signal(number, stop.receive) for number in _CAUGHT]
    try:
        yield stop
    finally:
        for number, handler in zip(_CAUGHT, before, strict=True):
            signal.signal(number, handler)

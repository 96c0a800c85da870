"""Signals: the first ends a run after the current step, the second at once; also a time limit."""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Both of the first two: MindSpore's graphs install a handler that turns SIGINT into SIGTERM.
_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
_ONE_PRESS = 0.5  # seconds within which one press of Ctrl-C may cause both


class StopFlag:
    """The reason to stop, if a signal has come or the time is up; call it to get it."""

    def __init__(self) -> None:
        self._received: float | None = None
        self._began = time.monotonic()
        self._minutes = math.inf

    def __call__(self) -> str:
        """Return the reason to stop; empty: continue."""
        if self._received is not None:
            return "stopped"
        return "stopped by max_minutes" if self._spent() >= 60 * self._minutes else ""

    def set_time_limit(self, minutes: float | None) -> None:
        """Stop after a number of minutes since the command began; None: no limit."""
        self._minutes = math.inf if minutes is None else minutes

    def _spent(self) -> float:
        return time.monotonic() - self._began

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal; a second one, a moment later, raises ``KeyboardInterrupt``."""
        now = time.monotonic()
        if self._received is not None:
            if now - self._received < _ONE_PRESS:
                return
            raise KeyboardInterrupt
        self._received = now
        # Not by logging or print: the signal may have interrupted either. And the reader of stderr
        # may have ended, which must not keep the run from saving.
        with suppress(OSError):
            os.write(2, b"signal received: ending after this step; once more to end at once\n")


@contextmanager
def catch_signals() -> Iterator[StopFlag]:
    """Catch the signals while the block runs, and yield the flag that they set.

    SIGHUP, which comes when the terminal is closed, stays ignored under ``nohup``.
    """
    stop = StopFlag()
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    caught = [number for number in _CAUGHT if number not in ignored]
    before = [signal.signal(number, stop.receive) for number in caught]
    try:
        yield stop
    finally:
        for number, handler in zip(caught, before, strict=True):
            signal.signal(number, handler)

"""Signals: SIGINT and SIGTERM end a run at the next step's end; a second one ends it at once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Both, always: MindSpore's graphs put in place a handler that turns SIGINT into SIGTERM.
_CAUGHT = (signal.SIGINT, signal.SIGTERM)
_ONE_PRESS = 0.5  # seconds in which both may come of one press of Ctrl-C


class Stop:
    """Whether a signal has come; call it to ask."""

    def __init__(self) -> None:
        self._received: float | None = None

    def __call__(self) -> bool:
        """Tell whether to stop."""
        return self._received is not None

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal; a second one, a moment later, raises ``KeyboardInterrupt``."""
        now = time.monotonic()
        if self._received is not None:
            if now - self._received < _ONE_PRESS:
                return
            raise KeyboardInterrupt
        self._received = now
        # Not by logging or print: the signal may have come in the middle of one of theirs.
        os.write(2, b"signal received: ending after this step; once more to end at once\n")


@contextmanager
def caught() -> Iterator[Stop]:
    """Catch the signals while the block runs, and give what tells of them."""
    stop = Stop()
    before = [signal.signal(number, stop.receive) for number in _CAUGHT]
    try:
        yield stop
    finally:
        for number, handler in zip(_CAUGHT, before, strict=True):
            signal.signal(number, handler)

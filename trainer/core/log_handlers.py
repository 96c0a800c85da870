"""Log handlers: the screen, and ``train.log``, which also gets the tables and the time."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TextIO

_TRAINER = logging.getLogger("trainer")


@contextmanager
def log_to_screen() -> Iterator[None]:
    """Send the trainer's messages to stdout, without a prefix, while the block runs."""
    screen = _Screen(sys.stdout)
    screen.setFormatter(logging.Formatter("%(message)s"))
    screen.addFilter(lambda record: not record.name.endswith(".table"))
    before = _TRAINER.level, _TRAINER.propagate
    _TRAINER.setLevel(logging.INFO)
    _TRAINER.propagate = False
    try:
        with _handled(screen):
            yield
    finally:
        _TRAINER.setLevel(before[0])  # assigning the level would not clear the cache
        _TRAINER.propagate = before[1]


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Send the messages to a file too, with the time, while the block runs."""
    handler = _File(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    with closing(handler), _handled(handler):
        yield


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Send them, and what else this process prints as errors, to a file alone while the block runs.

    So do all but the first of the ranks that train one net together.
    """
    path.parent.mkdir(exist_ok=True)
    sys.stdout.flush()
    with path.open("ab", buffering=0) as file, Path(os.devnull).open("wb") as nowhere:
        before = os.dup(1), os.dup(2)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        with log_to_file(path):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(before[0], 1)  # stderr stays redirected: the error at the end belongs there too
        for number in before:
            os.close(number)


class _Screen(logging.StreamHandler[TextIO]):
    """The screen. Once a line cannot be written, the run continues without it."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop this line and all later ones, and report it once, unless the reader has ended."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        with suppress(OSError):  # the exit flushes the stream again, which must not fail
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                print(
                    f"warning: stdout cannot be written ({error.strerror}): nothing more is shown "
                    "there, and the command continues",
                    file=sys.stderr,
                )


class _File(logging.FileHandler):
    """A log that a full disk truncates, without ending the run or filling the screen."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the message."""

    def close(self) -> None:
        """Close, and drop what cannot be written."""
        with suppress(OSError):
            super().close()


@contextmanager
def _handled(handler: logging.Handler) -> Iterator[None]:
    _TRAINER.addHandler(handler)
    try:
        yield
    finally:
        _TRAINER.removeHandler(handler)

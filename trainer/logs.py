"""Logs: what goes to the screen, and to ``train.log`` with the tables and the time."""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_TRAINER = logging.getLogger("trainer")


@contextmanager
def to_screen() -> Iterator[None]:
    """Send the trainer's messages to stdout, as they are, while the block runs."""
    screen = logging.StreamHandler(sys.stdout)
    screen.setFormatter(logging.Formatter("%(message)s"))
    screen.addFilter(lambda record: not record.name.endswith(".table"))
    before = _TRAINER.level, _TRAINER.propagate
    _TRAINER.setLevel(logging.INFO)
    _TRAINER.propagate = False
    try:
        with _handled(screen):
            yield
    finally:
        _TRAINER.setLevel(before[0])  # not by assignment: that would leave its cache
        _TRAINER.propagate = before[1]


@contextmanager
def to_file(path: Path) -> Iterator[None]:
    """Send them to a file too, with the time, while the block runs."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    with closing(handler), _handled(handler):
        yield


@contextmanager
def _handled(handler: logging.Handler) -> Iterator[None]:
    _TRAINER.addHandler(handler)
    try:
        yield
    finally:
        _TRAINER.removeHandler(handler)

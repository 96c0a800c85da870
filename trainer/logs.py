"""Logs: what goes to the screen, and to ``train.log`` with the tables and the time."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def to_screen() -> None:
    """Send the trainer's messages to stdout, as they are."""
    root = logging.getLogger("trainer")
    root.setLevel(logging.INFO)
    root.propagate = False
    screen = logging.StreamHandler(sys.stdout)
    screen.setFormatter(logging.Formatter("%(message)s"))
    screen.addFilter(lambda record: not record.name.endswith(".table"))
    root.handlers = [screen]


@contextmanager
def to_file(path: Path) -> Iterator[None]:
    """Send them to a file too, with the time, while the block runs."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    root = logging.getLogger("trainer")
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()

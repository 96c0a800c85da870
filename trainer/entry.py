"""Entry: what all commands share: exit codes, a device made ready, no trace of a mistake."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trainer import device, logs
from trainer.errors import Ending, Mistake, Stopped

if TYPE_CHECKING:
    from trainer.settings import Settings
    from trainer.setup import Setup


@contextmanager
def exits() -> Iterator[None]:
    """Turn an ending into its message on stderr and its exit code; a bug keeps its traceback."""
    logs.to_screen()
    try:
        yield
    except Ending as ending:
        print(ending, file=sys.stderr)
        sys.exit(ending.code)
    except KeyboardInterrupt:
        print("stopped at once", file=sys.stderr)
        sys.exit(Stopped.code)


def prepare(settings: "Settings", problems: Sequence[str] = ()) -> "Setup":
    """Set the device's environment, then import MindSpore and make net, data and plan.

    Raises:
        Mistake: see ``trainer.setup.prepare``.
    """
    device.prepare(settings.device.instruction_set)
    from trainer import setup

    return setup.prepare(settings, problems)


@contextmanager
def no_trace(folder: Path) -> Iterator[None]:
    """Check that a run's folder can be written; if a mistake is found, take it away if empty.

    Hydra makes the folder before anything can be checked.
    """
    try:
        if not os.access(folder, os.W_OK):
            raise Mistake([f"hydra.run.dir: expected a folder to write in, received {folder}"])
        yield
    except Mistake:
        with suppress(OSError):  # not empty, so not of this run's making
            os.removedirs(folder)
        raise

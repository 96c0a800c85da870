"""Sweeps run as a user runs them, for tests."""

import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from tests.command import Ended, start


def swept(folder: Path, *overrides: str) -> Ended:
    """Run ``python -m trainer -m`` in ``folder / "sweep"`` to its end."""
    with begun(folder, *overrides) as process:
        out, err = process.communicate()
    return Ended(process.returncode, out, err)


def begun(folder: Path, *overrides: str) -> "Popen[str]":
    """Start ``python -m trainer -m`` in ``folder / "sweep"``."""
    return start(folder, "trainer", "-m", "hydra.sweep.dir=sweep", *overrides)


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.05)

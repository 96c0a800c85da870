"""Sweeps run as a user runs them, for tests."""

from pathlib import Path
from subprocess import Popen

from tests.support.command import Ended, start


def swept(folder: Path, *overrides: str) -> Ended:
    """Run ``python -m trainer -m`` in ``folder / "sweep"`` to its end."""
    with begun(folder, *overrides) as process:
        out, err = process.communicate()
    return Ended(process.returncode, out, err)


def begun(folder: Path, *overrides: str) -> "Popen[str]":
    """Start ``python -m trainer -m`` in ``folder / "sweep"``."""
    return start(folder, "trainer", "-m", "hydra.sweep.dir=sweep", *overrides)

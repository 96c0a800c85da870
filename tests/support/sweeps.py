"""Sweeps, run as a user runs them."""

from pathlib import Path
from subprocess import Popen

from tests.support.command import Ended, start


def run_sweep(folder: Path, *overrides: str) -> Ended:
    """Run ``python -m trainer -m`` in ``folder / "sweep"`` to its end."""
    with start_sweep(folder, *overrides) as process:
        out, err = process.communicate()
    return Ended(process.returncode, out, err)


def start_sweep(folder: Path, *overrides: str) -> "Popen[str]":
    """Start ``python -m trainer -m`` in ``folder / "sweep"``."""
    return start(folder, "trainer", "-m", "hydra.sweep.dir=sweep", *overrides)

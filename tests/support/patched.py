"""Processes that start with a changed trainer: commands, and the workers and ranks they start."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import CHECKOUT

COMPUTING = ("TRAINER_CONVOLUTIONS", "TRAINER_CAPPED", "ONEDNN_MAX_CPU_ISA")


def environment(folder: Path, code: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which each Python runs some code when it starts.

    Args:
        folder: gets the code, as the module that Python imports then.
        code: changes modules of the trainer.
        variables: in addition; those that decide how convolutions are computed are left out.
    """
    (folder / "sitecustomize.py").write_text(code)
    inherited = {name: value for name, value in os.environ.items() if name not in COMPUTING}
    path = os.pathsep.join([str(folder), str(CHECKOUT)])
    return {**inherited, **variables, "PYTHONPATH": path}


def train(
    folder: Path, variables: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m trainer`` in a folder; it may fail."""
    command = [sys.executable, "-m", "trainer", *words]
    return subprocess.run(
        command, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=240
    )

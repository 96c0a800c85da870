"""A real Slurm of two nodes on this machine, as scripts/slurm_sandbox makes it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT

SCRIPT = CHECKOUT / "scripts/slurm_sandbox"
STEP = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NODELIST": "127.0.0.1",
    "SLURM_JOB_NODELIST": "elsewhere",
}


@contextmanager
def sandbox() -> Iterator[None]:
    """Run a Slurm sandbox, which the commands in the block use; skip if it cannot be started."""
    folder = tempfile.mkdtemp(prefix="trainer-slurm-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINER_SLURM", folder)
        up = subprocess.run([SCRIPT, "up"], capture_output=True, text=True)
        if up.returncode:
            shutil.rmtree(folder)
            (pytest.fail if os.environ.get("CI") else pytest.skip)(up.stderr)
        patch.setenv("SLURM_CONF", up.stdout.removeprefix("export SLURM_CONF=").strip())
        try:
            yield
        finally:
            subprocess.run([SCRIPT, "down"], check=True)


def call(*line: str | Path, cwd: Path | None = None) -> str:
    """Return the output of a command, which must succeed."""
    return subprocess.run(line, cwd=cwd, check=True, capture_output=True, text=True).stdout


def restarts(job_id: str) -> int:
    """Return how often a job has been restarted."""
    match = re.search(r"Restarts=(\d+)", call("scontrol", "show", "job", job_id))
    assert match
    return int(match[1])


def epochs(run: Path) -> int:
    """Return how many epochs a run has finished."""
    path = run / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def same_weights(one: Path, other: Path) -> bool:
    """Tell whether the final weights of two runs are bitwise equal."""
    name = "model.safetensors"
    return (one / name).read_bytes() == (other / name).read_bytes()


def set_step(patch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    """Set the variables of a Slurm step, as srun does; remove all others but SLURM_CONF."""
    for name in os.environ.keys() - {"SLURM_CONF"}:
        if name.startswith("SLURM_"):
            patch.delenv(name)
    for name, value in values.items():
        patch.setenv(name, value)

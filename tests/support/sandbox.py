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
    """Bring one up for the block, whose commands use it; where none can be made, skip."""
    folder = tempfile.mkdtemp(prefix="trainer-slurm-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINER_SLURM", folder)
        ended = subprocess.run([SCRIPT, "up"], capture_output=True, text=True)
        if ended.returncode:
            shutil.rmtree(folder)
            (pytest.fail if os.environ.get("CI") else pytest.skip)(ended.stderr)
        patch.setenv("SLURM_CONF", ended.stdout.removeprefix("export SLURM_CONF=").strip())
        try:
            yield
        finally:
            subprocess.run([SCRIPT, "down"], check=True)


def call(*line: str | Path, cwd: Path | None = None) -> str:
    """What a command prints; it must end well."""
    return subprocess.run(line, cwd=cwd, check=True, capture_output=True, text=True).stdout


def restarts(number: str) -> int:
    """How often a job has been started again."""
    found = re.search(r"Restarts=(\d+)", call("scontrol", "show", "job", number))
    assert found
    return int(found[1])


def epochs(run: Path) -> int:
    """How many epochs of a run are done."""
    path = run / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def same_weights(one: Path, other: Path) -> bool:
    """Whether two runs have ended with the same bits."""
    name = "model.safetensors"
    return (one / name).read_bytes() == (other / name).read_bytes()


def set_step(patch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    """Set the variables of a step of Slurm, as srun does, and no others but the configuration."""
    for name in os.environ.keys() - {"SLURM_CONF"}:
        if name.startswith("SLURM_"):
            patch.delenv(name)
    for name, value in values.items():
        patch.setenv(name, value)

"""A run that is resumed on another number of cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT
from tests.support.runs import bits

CORES = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="with one core there is no other number")

OVERRIDES = ("freeze=conv1", "features=off")


def train(folder: Path, cores: int, *overrides: str) -> str:
    """Train in a process that may use so many cores; return what it prints."""
    allowed = ",".join(map(str, CORES[:cores]))
    ended = subprocess.run(
        ["taskset", "-c", allowed, sys.executable, "-m", "trainer", *overrides],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_number_that_it_began_with_is_restored(tmp_path: Path) -> None:
    train(tmp_path, 1, *OVERRIDES, "epochs=2", "hydra.run.dir=whole")
    train(tmp_path, 1, *OVERRIDES, "epochs=1", "hydra.run.dir=resumed")
    out = train(tmp_path, 2, "resume=resumed", "epochs=2")
    assert "on 1 of 2 cores, as it began; on all: resume.allow=[device]" in out
    assert "cpu, GRAPH_MODE, 1 core," in out
    assert "may differ in the last bits" not in out
    assert bits(tmp_path / "resumed") == bits(tmp_path / "whole")


@pytest.mark.slow
def test_where_it_cannot_be_restored_or_is_not_to_be_that_is_reported(tmp_path: Path) -> None:
    train(tmp_path, 2, *OVERRIDES, "epochs=1", "hydra.run.dir=run")
    out = train(tmp_path, 1, "resume=run", "epochs=2")
    assert "may differ in the last bits: the run began with cores 2, now 1" in out
    out = train(tmp_path, 2, "resume=run", "epochs=3", "resume.allow=[device]")
    assert "may differ in the last bits: the run began with cores 1, now 2" in out

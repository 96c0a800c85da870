"""scripts/slurm.sbatch reads its line; srun is a script here, which prints its arguments."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT

JOBS = "freeze=conv1 seed=0\n\n  \n'init_from=a b' seed=1"


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "srun").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (folder / "srun").chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("index", "code", "end"),
    [
        (0, 0, "|freeze=conv1|seed=0|hydra.run.dir=sweep/0|"),
        (1, 0, "line 2 of jobs.txt is blank: no job\n"),
        (2, 0, "line 3 of jobs.txt is blank: no job\n"),
        (3, 0, "|init_from=a b|seed=1|hydra.run.dir=sweep/3|"),
        (4, 2, "expected a line 5 in jobs.txt, which has 4\n"),
    ],
)
def test_a_job_trains_with_its_line_and_a_blank_line_is_none(
    tmp_path: Path, bin_folder: Path, index: int, code: int, end: str
) -> None:
    (tmp_path / "jobs.txt").write_text(JOBS)
    variables = {"SLURM_ARRAY_TASK_ID": str(index), "SLURM_CPUS_PER_TASK": "1"}
    script = subprocess.run(
        ["bash", CHECKOUT / "scripts/slurm.sbatch", "jobs.txt", "sweep"],
        cwd=tmp_path,
        env={**os.environ, **variables, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert script.returncode == code
    assert (script.stdout + script.stderr).endswith(end)

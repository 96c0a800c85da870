"""Submitting when something is amiss; Slurm's commands are scripts here, and write what they do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.core import atomic_files
from trainer.core.errors import CannotWrite, ConfigError
from trainer.launch.jobs import Job
from trainer.launch.slurm import submit as submission
from trainer.launch.slurm.partitions import ResourceRequest

pytest.importorskip("submitit", reason="needs the extra slurm")

SCRIPTS = {
    "sbatch": "echo sbatch >>did; echo Submitted batch job 17",
    "squeue": "cat answer",
    "scancel": 'echo scancel "$@" >>did',
    "sacct": "exit 1",
    "srun": "",
}


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a sweep, whose job ``a`` was submitted and is running."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "bin").mkdir()
    for name, text in SCRIPTS.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    Path("answer").write_text("16|RUNNING|0|None|n1|\n")
    Path("did").touch()
    atomic_files.write_json(tmp_path / "sweep/.slurm/ids.json", {"a": "16"})
    yield Path("sweep")


def submit(sweep: Path) -> dict[str, str]:
    jobs = [Job(name, sweep / name, (), ()) for name in "ab"]
    return submission.submit(jobs, ResourceRequest(), sweep)


def did() -> list[str]:
    return Path("did").read_text().splitlines()


def test_what_runs_already_is_not_submitted(sweep: Path) -> None:
    assert submit(sweep) == {"a": "16", "b": "17"} == submission.read_job_ids(sweep)
    assert did() == ["sbatch"]


@pytest.mark.parametrize("text", ['{"a": "1', "[]", '{"a": 16}', "\udcff"])
def test_numbers_that_cannot_be_read_are_not_taken_for_none(sweep: Path, text: str) -> None:
    (sweep / ".slurm/ids.json").write_text(text, errors="surrogateescape")
    with pytest.raises(ConfigError, match=r"ids\.json: expected the Slurm job ids"):
        submit(sweep)
    assert did() == []
    assert submission.sweep_states(sweep) == {}


def test_a_slurm_that_falls_silent_is_told_of(sweep: Path) -> None:
    Path("answer").unlink()
    with pytest.raises(ConfigError, match="expected Slurm to respond; .*answer"):
        submit(sweep)
    assert did() == []


def test_nothing_is_submitted_that_could_not_be_recorded(sweep: Path) -> None:
    (sweep / f".slurm/.ids.json.{os.getpid()}").mkdir()  # where it would be written first
    with pytest.raises(CannotWrite):
        submit(sweep)
    assert did() == []


@pytest.mark.parametrize(
    ("scancel", "told"),
    [
        ("", "job 17, just submitted, is cancelled"),
        ("exit 1", "job 17 is submitted, scancel failed: "),
    ],
)
def test_jobs_that_could_not_be_recorded_are_cancelled(
    sweep: Path, scancel: str, told: str
) -> None:
    for name, more in (
        ("sbatch", "rm sweep/.slurm/ids.json && mkdir sweep/.slurm/ids.json"),
        ("scancel", scancel),
    ):
        with Path("bin", name).open("a") as file:
            file.write(f"{more}\n")
    with pytest.raises(CannotWrite, match=told):
        submit(sweep)
    assert did() == ["sbatch", "scancel 17"]

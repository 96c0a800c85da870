"""Submitting; Slurm's commands are scripts here, which write down what they do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.core import atomic_files
from trainer.core.errors import CannotWrite, ConfigError
from trainer.launch.jobs import Job
from trainer.launch.slurm import arrays
from trainer.launch.slurm import submit as submission
from trainer.launch.slurm.partitions import ResourceRequest

pytest.importorskip("submitit", reason="needs the extra slurm")

SCRIPTS = {
    "sbatch": "echo sbatch >>did; grep -h '^#SBATCH --array' \"$1\" >>arrays; "
    "echo Submitted batch job $((16 + $(grep -c sbatch did)))",
    "scontrol": "echo MaxArraySize = 3",
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
    Path("arrays").touch()
    atomic_files.write_json(tmp_path / "sweep/.slurm/ids.json", {"a": "16"})
    yield Path("sweep")


def submit(sweep: Path, names: str = "ab") -> dict[str, str]:
    jobs = [Job(name, sweep / name, (), ()) for name in names]
    return submission.submit(jobs, ResourceRequest(array_parallelism=7), sweep)


def did() -> list[str]:
    return Path("did").read_text().splitlines()


def test_a_running_job_is_not_submitted_again(sweep: Path) -> None:
    assert submit(sweep) == {"a": "16", "b": "17"} == submission.read_job_ids(sweep)
    assert did() == ["sbatch"]


def test_more_jobs_than_an_array_may_hold_are_several_arrays(sweep: Path) -> None:
    numbers = submit(sweep, "abcdefgh")
    assert numbers == submission.read_job_ids(sweep)
    assert numbers == {
        "a": "16",
        **{"b": "17_0", "c": "17_1", "d": "17_2"},
        **{"e": "18_0", "f": "18_1", "g": "18_2"},
        "h": "19",
    }
    # 7 jobs at once, shared by 3 arrays
    assert Path("arrays").read_text().splitlines() == ["#SBATCH --array=0-2%2"] * 2


def test_arrays_that_share_too_small_a_limit_are_refused(sweep: Path) -> None:
    arrays.check_limit(6, ResourceRequest(array_parallelism=2))
    with pytest.raises(ConfigError, match="array_parallelism: expected at least 3, .*Size of 3"):
        arrays.check_limit(7, ResourceRequest(array_parallelism=2))


def test_jobs_of_arrays_that_slurm_accepted_stay_recorded(sweep: Path) -> None:
    with Path("bin/sbatch").open("a") as file:
        file.write("[ $(grep -c sbatch did) -lt 2 ] || exit 1\n")
    with pytest.raises(ConfigError, match="Slurm refuses"):
        submit(sweep, "abcdefgh")
    assert list(submission.read_job_ids(sweep)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("text", ['{"a": "1', "[]", '{"a": 16}', "\udcff"])
def test_unreadable_job_ids_are_not_ignored(sweep: Path, text: str) -> None:
    (sweep / ".slurm/ids.json").write_text(text, errors="surrogateescape")
    with pytest.raises(ConfigError, match=r"ids\.json: expected the Slurm job ids"):
        submit(sweep)
    assert did() == []
    assert submission.sweep_states(sweep) == {}


def test_a_slurm_that_does_not_respond_is_reported(sweep: Path) -> None:
    Path("answer").unlink()
    with pytest.raises(ConfigError, match="expected Slurm to respond; .*answer"):
        submit(sweep)
    assert did() == []


def test_nothing_is_submitted_if_it_cannot_be_recorded(sweep: Path) -> None:
    (sweep / f".slurm/.ids.json.{os.getpid()}").mkdir()  # where it would be written first
    with pytest.raises(CannotWrite):
        submit(sweep)
    assert did() == []


@pytest.mark.parametrize(
    ("scancel", "message"),
    [
        ("", "job 17, just submitted, is cancelled"),
        ("exit 1", "job 17 is submitted, scancel failed: "),
    ],
)
def test_jobs_that_cannot_be_recorded_are_cancelled(
    sweep: Path, scancel: str, message: str
) -> None:
    for name, more in (
        ("sbatch", "rm sweep/.slurm/ids.json && mkdir sweep/.slurm/ids.json"),
        ("scancel", scancel),
    ):
        with Path("bin", name).open("a") as file:
            file.write(f"{more}\n")
    with pytest.raises(CannotWrite, match=message):
        submit(sweep)
    assert did() == ["sbatch", "scancel 17"]

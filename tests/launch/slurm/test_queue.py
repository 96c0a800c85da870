"""How Slurm's answers are read; its commands are scripts here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.launch.slurm import queue
from trainer.launch.slurm.queue import FORGOTTEN

FakeCommand = Callable[[str, str], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommand:
    """Return a function that makes a command of shell code; it returns the log of its arguments."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def make(name: str, code: str) -> Path:
        path, log = tmp_path / name, tmp_path / f"{name}.log"
        path.write_text(f'#!/bin/sh\necho "$@" >>{log}\n{code}\n')
        path.chmod(0o755)
        return log

    make("sacct", "exit 1")
    return make


def test_jobs_of_all_users_are_asked_for(fake: FakeCommand) -> None:
    log = fake("squeue", "echo '17_3|RUNNING|0|None|n1|'; echo '17_4|RUNNING|0|None|n1|'")
    assert queue.job_states(["17_3", "17_5"])["17_3"].name == "RUNNING"
    arguments = log.read_text().split()
    assert "--jobs=17" in arguments
    assert "--me" not in arguments
    assert "--all" in arguments


def test_the_only_job_is_forgotten(fake: FakeCommand) -> None:
    fake("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert queue.job_states(["17"])["17"].name == FORGOTTEN


def test_silence_is_not_forgetting(fake: FakeCommand) -> None:
    fake("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(OSError, match="Unable to contact"):
        queue.job_states(["17"])


@pytest.mark.parametrize(
    ("setting", "size"),
    [
        ("MaxArraySize            = 1001", 1001),
        ("MaxArraySize=7", 7),
        ("MaxArraySize = 0", 1),  # arrays are disabled: each job is submitted by itself
        ("MaxJobCount = 5", 1001),
    ],
)
def test_the_largest_array_is_read_from_the_configuration(
    fake: FakeCommand, setting: str, size: int
) -> None:
    fake("scontrol", f"echo 'MailProg = /bin/mail'; echo '{setting}'")
    assert queue.max_array_size() == size

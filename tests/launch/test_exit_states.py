"""What is made of Slurm's answers; squeue is a script here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.launch.slurm import queue
from trainer.launch.slurm.queue import FORGOTTEN

Answers = Callable[[str], Path]


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Give what makes a squeue of a shell's line; it takes down how it was called."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def make(line: str) -> Path:
        for name, text in (("squeue", line), ("sacct", "exit 1")):
            path = tmp_path / name
            path.write_text(f'#!/bin/sh\necho "$@" >>{path}.called\n{text}\n')
            path.chmod(0o755)
        return tmp_path / "squeue.called"

    return make


def test_jobs_are_asked_for_whoever_submitted_them(squeue: Answers) -> None:
    called = squeue("echo '17_3|RUNNING|0|None|n1|'; echo '17_4|RUNNING|0|None|n1|'")
    assert queue.job_states(["17_3", "17_5"])["17_3"].name == "RUNNING"
    words = called.read_text().split()
    assert "--jobs=17" in words
    assert "--me" not in words
    assert "--all" in words


def test_the_only_job_is_forgotten(squeue: Answers) -> None:
    squeue("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert queue.job_states(["17"])["17"].name == FORGOTTEN


def test_silence_is_not_forgetting(squeue: Answers) -> None:
    squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(OSError, match="Unable to contact"):
        queue.job_states(["17"])

"""Convolutions that cannot be blocked although the self-test passed: a second start, limited."""

import json
from pathlib import Path

import pytest

from tests.support.jobs import PAIR
from tests.support.patched import COMPUTING, train
from tests.support.patched import environment as patched
from trainer.backend.convolutions import native_library, verdict

pytestmark = pytest.mark.slow

# Python imports it at the start of each process: of commands, workers and ranks.
FAILING = """
from pathlib import Path
from trainer.backend import processor
from trainer.backend.convolutions import native_library
native_library.path = lambda: Path({file!r})
native_library.install = lambda: "a slot is missing"
processor.has_avx512 = lambda: True
"""
FAILURE = "convolutions cannot be blocked: a slot is missing"
DEVICE = "oneDNN AVX2, plain convolutions (not blocked: a slot is missing)"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of a process whose self-test has passed, and whose library fails."""
    file = tmp_path / "library.so"
    file.touch()
    for name in COMPUTING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(native_library, "path", lambda: file)
    return patched(tmp_path, FAILING.format(file=str(file)), verdict.inheritance(""))


def test_a_command_starts_again(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = train(tmp_path, environment, "freeze=conv1", "epochs=1", "hydra.run.dir=run")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count(f"{FAILURE}; the command starts again\n") == 1
    assert DEVICE in ended.stdout
    index = json.loads((tmp_path / "run/checkpoints/index.json").read_text())
    record = tmp_path / "run/checkpoints" / index["kept"][-1]["name"] / "checkpoint.json"
    versions = json.loads(record.read_text())["versions"]
    assert (versions["convolutions"], versions["instruction set"]) == ("plain", "AVX2")


def test_a_command_that_demands_them_does_not(tmp_path: Path, environment: dict[str, str]) -> None:
    words = ("device.convolutions=blocked", "hydra.run.dir=run")
    ended = train(tmp_path, environment, *words)
    assert ended.returncode == 2
    assert "device.convolutions=blocked: not possible here: a slot is missing" in ended.stderr
    assert "starts again" not in ended.stderr
    assert not (tmp_path / "run").exists()


def test_the_process_of_jobs_starts_again(tmp_path: Path, environment: dict[str, str]) -> None:
    words = ("-m", "seed=0,1", "epochs=1", "hydra.sweep.dir=sweep")
    ended = train(tmp_path, environment, *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(f"{FAILURE}; the process of the job starts again\n") == 1
    for seed in (0, 1):
        assert DEVICE in (tmp_path / f"sweep/seed={seed}/train.log").read_text()


def test_ranks_inherit_what_the_command_has_met(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    ended = train(tmp_path, environment, *PAIR, "epochs=1", "hydra.run.dir=run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (ended.stdout + ended.stderr).count("starts again") == 1
    assert DEVICE in (tmp_path / "run/train.log").read_text()

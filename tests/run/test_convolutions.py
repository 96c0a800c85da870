"""Whole runs with blocked and with plain convolutions: what they record, repeat and resume."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import CHECKOUT, start, until
from tests.support.patched import COMPUTING
from tests.support.runs import bits, records
from trainer.backend.convolutions import native_library

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(native_library.missing_reason()),
        reason=f"blocked convolutions: {native_library.missing_reason()}",
    ),
]

OVERRIDES = ("freeze=conv1", "features=off", "epochs=2")
BLOCKED, PLAIN = "device.convolutions=blocked", "device.convolutions=plain"


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes start as from a shell in which nothing is set, whatever this one computes with."""
    for name in COMPUTING:
        monkeypatch.delenv(name, raising=False)


def train(
    folder: Path, *lines: str, code: int = 0, environment: Mapping[str, str] | None = None
) -> str:
    """Train in a process of its own; return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "trainer", *lines],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(environment or {})},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def versions(run: Path) -> dict[str, str]:
    """Return the versions that the last checkpoint of a run records."""
    last = json.loads((run / "checkpoints/index.json").read_text())["kept"][-1]["name"]
    record = json.loads((run / "checkpoints" / last / "checkpoint.json").read_text())
    return dict(record["versions"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a blocked and a plain run."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for name in COMPUTING:
            patch.delenv(name, raising=False)
        for name, setting in (("blocked", BLOCKED), ("plain", PLAIN)):
            out = train(folder, *OVERRIDES, setting, f"hydra.run.dir={name}")
            assert f"{name} convolutions\n" in out
    return folder


def test_both_are_recorded_and_give_nearly_the_same(runs: Path) -> None:
    assert versions(runs / "blocked")["convolutions"] == "blocked"
    assert versions(runs / "plain")["convolutions"] == "plain"
    assert bits(runs / "blocked") != bits(runs / "plain")
    blocked, plain = (load_file(runs / name / "model.safetensors") for name in ("blocked", "plain"))
    for name, array in plain.items():
        np.testing.assert_allclose(blocked[name], array, atol=1e-3)


@pytest.fixture(scope="module")
def automatic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the screen of a run with default convolutions that can cache nothing."""
    nowhere = {"XDG_CACHE_HOME": "/dev/null", "TRAINER_CONVOLUTIONS_VERDICT": ""}
    folder = tmp_path_factory.mktemp("automatic")
    with pytest.MonkeyPatch.context() as patch:
        for name in COMPUTING:
            patch.delenv(name, raising=False)
        out = train(folder, *OVERRIDES, "hydra.run.dir=run", environment=nowhere)
    return folder / "run", out


def test_auto_is_blocked_and_repeats_its_bits_without_a_cache(
    runs: Path, automatic: tuple[Path, str]
) -> None:
    run, out = automatic
    assert "blocked convolutions\n" in out
    assert "warning: the self-test of device.convolutions runs at each start" in out
    assert bits(run) == bits(runs / "blocked")
    assert records(run) == records(runs / "blocked")


def test_the_limit_of_a_user_is_respected(tmp_path: Path) -> None:
    limit = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    out = train(tmp_path, *OVERRIDES, "epochs=1", "hydra.run.dir=run", environment=limit)
    assert "oneDNN AVX2, blocked convolutions\n" in out
    recorded = versions(tmp_path / "run")
    assert (recorded["instruction set"], recorded["convolutions"]) == ("AVX2", "blocked")


def test_a_plain_run_stays_plain_when_it_resumes(runs: Path, tmp_path: Path) -> None:
    lines = (*OVERRIDES[:2], "epochs=1", "hydra.run.dir=resumed")
    train(tmp_path, *lines, environment={"TRAINER_CONVOLUTIONS": "plain"})
    out = train(tmp_path, "resume=resumed", "epochs=2")
    assert "with plain convolutions, as it began; with blocked ones: resume.allow=[device]" in out
    assert "may differ" not in out
    assert bits(tmp_path / "resumed") == bits(runs / "plain")
    out = train(tmp_path, "resume=resumed", "epochs=3", "resume.allow=[device]")
    assert "may differ in the last bits: the run began with" in out
    assert "convolutions plain, now blocked" in out
    assert versions(tmp_path / "resumed")["convolutions"] == "blocked"


def test_a_blocked_run_does_not_become_plain_unnoticed(
    automatic: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copytree(automatic[0], tmp_path / "run")
    out = train(tmp_path, "resume=run", "epochs=3", PLAIN, code=2)
    assert "device.convolutions: auto -> plain" in out
    out = train(tmp_path, "resume=run", "epochs=3", environment={"TRAINER_CONVOLUTIONS": "plain"})
    assert "convolutions blocked, now plain" in out


def test_the_jobs_of_a_sweep_may_differ_in_it(runs: Path, tmp_path: Path) -> None:
    lines = (*OVERRIDES, f"{BLOCKED},plain", "hydra.sweep.dir=sweep")
    train(tmp_path, "-m", *lines)
    for name in ("blocked", "plain"):
        job = tmp_path / "sweep" / f"device.convolutions={name}"
        assert versions(job)["convolutions"] == name
        assert bits(job) == bits(runs / name)


def test_a_killed_blocked_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    lines = (*OVERRIDES[:2], "epochs=8", BLOCKED)
    train(tmp_path, *lines, "hydra.run.dir=whole")
    process = start(tmp_path, "trainer", *lines, "hydra.run.dir=killed")
    until((tmp_path / "killed/checkpoints/epoch_00001_step_00000000").exists, "an epoch")
    process.kill()
    process.communicate()
    assert not (tmp_path / "killed/model.safetensors").exists()
    train(tmp_path, *lines, "hydra.run.dir=killed")
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")

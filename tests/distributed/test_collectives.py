"""Two ranks on this machine: what they train, what they write, and how they stop and resume."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, trained
from tests.support.jobs import PAIR, Job
from tests.support.runs import bits, records


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two ranks, 44 steps, never stopped."""
    folder = tmp_path_factory.mktemp("pair")
    job = Job(folder, *PAIR, "hydra.run.dir=run")
    assert job.wait() == 0, job.output
    (folder / "output").write_text(job.output)
    return folder / "run"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in one process."""
    return trained(tmp_path_factory.mktemp("alone"), "freeze=conv1", "epochs=2")


@pytest.mark.slow
def test_two_ranks_train_what_one_process_trains(pair: Path, alone: Path) -> None:
    ours, theirs = load_file(pair / "model.safetensors"), load_file(alone / "model.safetensors")
    for name in theirs:
        assert np.abs(ours[name] - theirs[name]).max() < 1e-5, name
    before, reference = records(pair)[0], records(alone)[0]
    assert before == reference  # the score of the same weights, to the last bit
    last = [records(folder)[-1]["loss"] for folder in (pair, alone)]
    assert last[0] == pytest.approx(last[1], rel=1e-4)


@pytest.mark.slow
def test_two_ranks_share_stored_features(pair: Path, tmp_path: Path) -> None:
    stored = ("features=store", "features.folder=cache")
    job = Job(tmp_path, *PAIR, "hydra.run.dir=run", *stored)
    assert job.wait() == 0, job.output
    assert "features   stored: outputs of conv1" in job.output
    assert bits(tmp_path / "run") == bits(pair) and records(tmp_path / "run") == records(pair)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.slow
def test_the_screen_says_how_a_batch_is_shared(pair: Path) -> None:
    output = (pair.parent / "output").read_text()
    text = "2: 16 of each batch of 32; optimizer.lr 0.01 is for the whole batch and is not scaled"
    assert output.count(text) == 1
    assert output.count("epoch   2") == 1
    assert "BatchNorm" not in output


@pytest.mark.slow
def test_the_first_rank_writes_and_each_has_a_log(pair: Path, alone: Path) -> None:
    assert {p.name for p in pair.iterdir()} == {p.name for p in alone.iterdir()} | {"ranks"}
    assert [p.name for p in (pair / "ranks").iterdir()] == ["1.log"]
    log = (pair / "ranks/1.log").read_text()
    for epoch in (0, 1, 2):
        assert f"epoch   {epoch}" in log
        assert f"by the end of epoch {epoch}: the same bits as the others" in log
    assert log.count("frozen ok (2)") == 3
    checksums = [set(_checksums(path)) for path in (pair / "ranks/1.log", pair / "train.log")]
    assert len(checksums[0]) == 3
    assert checksums[0] == checksums[1]
    assert json.loads((pair / "proof.json").read_text())["holds"]


def _checksums(log: Path) -> list[str]:
    return [line.rpartition(" ")[2] for line in log.read_text().splitlines() if "bits as" in line]


@pytest.mark.slow
def test_a_stop_a_kill_and_the_same_command_again(pair: Path, tmp_path: Path) -> None:
    lines = (*PAIR, "hydra.run.dir=run")
    job = Job(tmp_path, *lines).wait_for("epoch   0")
    job.process.send_signal(signal.SIGTERM)
    assert job.wait() == 75, job.output
    assert "stopped in epoch 1, after step" in job.output
    job = Job(tmp_path, *lines).wait_for("resume     after epoch 0")
    os.kill(job.rank_pid(1), signal.SIGKILL)
    assert job.wait() == 8, job.output
    assert "rank 1 was killed by SIGKILL" in job.output
    job = Job(tmp_path, *lines)
    assert job.wait() == 0, job.output
    assert bits(tmp_path / "run") == bits(pair)
    assert records(tmp_path / "run") == records(pair)


@pytest.mark.slow
def test_a_rank_that_hangs_ends_the_job(tmp_path: Path) -> None:
    job = Job(tmp_path, *PAIR, "distributed.timeout=25", "hydra.run.dir=run").wait_for("epoch   0")
    pid = job.rank_pid(1)
    os.kill(pid, signal.SIGSTOP)
    assert job.wait() == 8, job.output
    assert "expected a response from all 2 ranks within 25 s" in job.output
    assert "no response came from rank 1" in job.output
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("flags", [(), ("-m", "seed=0,1")])
def test_configuration_errors_are_reported_once_before_any_rank_is_started(
    command: Command, flags: tuple[str, ...]
) -> None:
    ended = command.train(*flags, "distributed=msrun", "batch_size=33", "freeze=conv9")
    assert ended.code == 2
    assert ended.err.startswith("2 configuration errors:")
    assert "batch_size: expected a multiple of 2" in ended.err
    assert "received 33 (nearest: 32, 34)" in ended.err
    assert not command.left()


def test_mindspores_own_msrun_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_ROLE", "MS_SCHED")
    ended = command.train("distributed=msrun")
    assert ended.code == 2
    assert "found MS_ROLE set, as by MindSpore's msrun" in ended.err


def test_slurm_is_asked_for_outside_of_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    ended = command.train("distributed=slurm")
    assert ended.code == 2
    assert "srun --ntasks=2 --kill-on-bad-exit=1 python -m trainer distributed=slurm" in ended.err
    assert not command.left()

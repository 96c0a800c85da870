"""The main job from its command line to its folder."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, start
from trainer.checkpoint.snapshot_store import SnapshotStore


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def plots_on_run_end() -> None:
    """Runs draw their plots."""


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_main_job_freezes_conv1_and_leaves_a_whole_folder(command: Command, method: str) -> None:
    ended = command.train("freeze=conv1", f"method={method}", "epochs=2")
    assert ended.code == 0, ended.err
    assert f"pattern 'conv1' by {method}: conv1.weight, conv1.bias (156 values)" in ended.out
    assert "frozen ok (2)" in ended.out
    run = command.folder / "run"
    assert sorted(path.name for path in run.iterdir()) == [
        ".hydra",
        "checkpoints",
        "costs.json",
        "curves.png",
        "init.json",
        "manifest.json",
        "metrics.jsonl",
        "model.safetensors",
        "plan.json",
        "proof.json",
        "result.json",
        "snapshots",
        "status.json",
        "train.log",
        "weights.png",
    ]
    for picture in run.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
    first, last = (SnapshotStore(run / "snapshots").read(epoch) for epoch in (0, 2))
    for name in first:
        assert np.array_equal(first[name], last[name]) == name.startswith("conv1."), name


@pytest.mark.slow
def test_records_tell_the_same_as_the_weights(command: Command) -> None:
    assert command.train("freeze=conv1", "epochs=2").code == 0
    run = command.folder / "run"
    proof = json.loads((run / "proof.json").read_text())
    assert proof["holds"]
    assert proof["epochs"] == 2
    assert [row["name"] for row in proof["tensors"]] == ["conv1.weight", "conv1.bias"]
    assert all(row["sha256_before"] == row["sha256_after"] for row in proof["tensors"])
    records = lines(run / "metrics.jsonl")
    assert [record["epoch"] for record in records] == [0, 1, 2]
    assert records[2]["accuracy"] > records[0]["accuracy"]
    for row in records[2]["weights"]:
        assert (row["largest_since_start"] == 0) == row["name"].startswith("conv1."), row
    plan = json.loads((run / "plan.json").read_text())
    assert plan["cuts"] == ["conv1"]
    assert "freeze: conv1" in (run / ".hydra/config.yaml").read_text()


@pytest.mark.slow
def test_same_command_gives_the_same_weights(command: Command, finished: Path) -> None:
    assert command.train("freeze=conv1", "epochs=1").code == 0
    models = [run / "model.safetensors" for run in (finished, command.folder / "run")]
    assert models[0].read_bytes() == models[1].read_bytes()


@pytest.mark.slow
def test_loss_that_is_not_finite_ends_with_4_before_the_weights_are_touched(
    command: Command,
) -> None:
    ended = command.train("epochs=1", "optimizer.lr=1e30", "optimizer.momentum=0")
    assert ended.code == 4
    assert "expected a finite loss" in ended.err
    assert "Traceback" not in ended.err
    model = load_file(command.folder / "run/model.safetensors")
    assert all(np.isfinite(array).all() for array in model.values())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signal_ends_after_the_step_with_everything_saved(
    tmp_path: Path, number: signal.Signals
) -> None:
    overrides = ["epochs=9999", "snapshot.keep=last", "hydra.run.dir=run"]
    with start(tmp_path, "trainer", *overrides) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith("epoch   2"):
                break
        process.send_signal(number)
        process.stdout.read()
        err = process.stderr.read()
    assert process.returncode == 75, err
    assert "signal received: ending after this step" in err
    assert "all is saved" in err
    assert "Traceback" not in err
    steps = [record["steps"] for record in lines(tmp_path / "run/metrics.jsonl")]
    assert set(steps[1:]) == {steps[1]}, "an epoch that is not whole is no record yet"
    assert (tmp_path / "run/model.safetensors").exists()
    assert (tmp_path / "run/weights.png").exists()


def test_second_run_does_not_write_over_the_first(command: Command, run: str) -> None:
    model = command.folder / run / "model.safetensors"
    before = model.read_bytes()
    ended = command.train("freeze=conv1", "epochs=1", "seed=1", f"hydra.run.dir='{run}'")
    assert ended.code == 2
    assert f"expected the seed of the run in {run}, received another: seed: 0 -> 1" in ended.err
    assert model.read_bytes() == before


@pytest.mark.slow
def test_two_runs_at_once_cannot_share_a_folder(tmp_path: Path) -> None:
    line = ("trainer", "epochs=2", "hydra.run.dir=run")
    with start(tmp_path, *line, "seed=0") as one, start(tmp_path, *line, "seed=1") as other:
        said = [process.communicate()[1] for process in (one, other)]
    assert sorted((one.returncode, other.returncode)) == [0, 2], said
    assert "1 configuration error:" in "".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5])
def test_signal_before_training_is_a_clean_end(tmp_path: Path, seconds: float) -> None:
    with start(tmp_path, "trainer", "hydra.run.dir=run", "epochs=9999") as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode in {75, 130, -signal.SIGINT}, err
    assert "Fatal" not in err
    if process.returncode == 130:
        assert not (tmp_path / "run").exists()

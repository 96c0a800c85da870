"""Runs of several phases: what they leave, and that it can be verified."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.command import Command, trained
from tests.support.phased import LINES, PHASES, read, weights_after
from tests.support.runs import records
from trainer.checkpoint.snapshot_store import SnapshotStore

pytestmark = pytest.mark.slow

FROZEN = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
EMA = ("ema.decay=0.9", "checkpoint.every_steps=1")


@pytest.fixture(scope="module")
def phased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("phased"), *LINES, *EMA)


def test_each_phase_trains_what_it_says(phased: Path) -> None:
    start, first, second = (weights_after(phased, epoch) for epoch in range(3))
    for name in FROZEN:
        assert start[name].tobytes() == first[name].tobytes(), f"{name} is frozen at first"
        assert first[name].tobytes() != second[name].tobytes(), f"{name} trains in phase all"
    assert first["fc1.weight"].tobytes() != start["fc1.weight"].tobytes()


def test_what_is_frozen_again_has_the_same_bits_from_then_on(phased: Path) -> None:
    last, average = weights_after(phased, 3), load_file(phased / "ema.safetensors")
    end = load_file(phased / "model.safetensors")
    for name in FROZEN:
        value = weights_after(phased, 2)[name].tobytes()
        assert {value} == {arrays[name].tobytes() for arrays in (last, average, end)}
    moved = {name for name in end if end[name].tobytes() != average[name].tobytes()}
    assert moved == {*end} - {*FROZEN}


def test_metrics_and_proof_name_the_phases(phased: Path) -> None:
    assert [line["phase"] for line in records(phased)] == ["head", "head", "again", "again"]
    proof = read(phased, "proof.json")
    chapters = [(c["phase"], c["epochs"], c["steps"]) for c in proof["chapters"]]
    assert chapters == [("head", 1, 0), ("all", 1, 10)]
    assert [len(c["tensors"]) for c in proof["chapters"]] == [4, 0]
    assert {row["name"] for row in proof["tensors"]} == {*FROZEN}
    assert proof["phase"]["name"] == "again"
    assert [phase["name"] for phase in read(phased, "plan.json")["phases"]] == [
        "head",
        "all",
        "again",
    ]


def test_no_trainable_tensor_is_reported_as_unmoved(phased: Path) -> None:
    assert "not moved" not in (phased / "train.log").read_text()


def test_verify_agrees(phased: Path, command: Command) -> None:
    ended = command.verify(str(phased))
    assert ended.code == 0, ended.out + ended.err


def test_verify_finds_a_changed_snapshot_of_an_earlier_phase(
    phased: Path, command: Command, tmp_path: Path
) -> None:
    run = shutil.copytree(phased, tmp_path / "copy")
    epochs = [weights_after(run, epoch) for epoch in range(4)]
    changed = np.array(epochs[1]["conv1.weight"])
    changed.reshape(-1).view(np.uint32)[0] ^= 1
    epochs[1] = {**epochs[1], "conv1.weight": changed}
    store = SnapshotStore(run / "snapshots")
    store.drop(store.epochs())
    for number, arrays in enumerate(epochs):
        store.write(number, arrays)
    (run / "manifest.json").unlink()
    ended = command.verify(str(run))
    assert ended.code == 3, ended.out
    assert "conv1.weight: in the snapshot of epoch 1" in ended.out + ended.err


def test_verify_finds_a_changed_hash_of_a_chapter(
    phased: Path, command: Command, tmp_path: Path
) -> None:
    run = shutil.copytree(phased, tmp_path / "copy")
    proof = read(run, "proof.json")
    proof["chapters"][0]["tensors"][1]["sha256"] = 64 * "0"
    (run / "proof.json").write_text(json.dumps(proof))
    (run / "manifest.json").unlink()
    ended = command.verify(str(run))
    assert ended.code != 0
    assert "in the snapshot of epoch 0" in ended.out + ended.err


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_verify_finds_a_changed_plan_of_a_phase(
    phase: int, phased: Path, command: Command, tmp_path: Path
) -> None:
    run = shutil.copytree(phased, tmp_path / "copy")
    plan = read(run, "plan.json")
    row = plan["phases"][phase]["plan"]["parameters"][0]
    row["state"] = "frozen" if row["state"] == "trainable" else "trainable"
    (run / "plan.json").write_text(json.dumps(plan))
    (run / "manifest.json").unlink()
    ended = command.verify(str(run))
    assert ended.code != 0, ended.out


def test_a_run_may_end_within_a_phase(tmp_path: Path) -> None:
    run = trained(tmp_path, *LINES, "max_steps=40")
    assert records(run)[-1]["phase"] == "again"
    assert [c["phase"] for c in read(run, "proof.json")["chapters"]] == ["head", "all"]
    assert read(run, "result.json")["end"] == {"epochs": 1, "steps": 18}


def test_early_stopping_ends_a_phase_and_in_the_last_one_the_run(tmp_path: Path) -> None:
    lines = ["early_stopping.patience=1", "early_stopping.min_delta=9"]
    run = trained(tmp_path, PHASES.replace("epochs: 1", "epochs: 4"), "epochs=9", *lines)
    assert [line["phase"] for line in records(run)][1:] == ["head", "head", "again", "again"]
    assert "stopped early" in read(run, "proof.json")["chapters"][0]["reason"]
    assert read(run, "result.json")["ended"] == "early_stopping"


def test_the_best_weights_may_be_those_of_an_earlier_phase(
    command: Command, tmp_path: Path
) -> None:
    worse = PHASES.replace("optimizer_state: new", "lr_factor: 500")
    lines = ["early_stopping.restore_best=true", "early_stopping.patience=5"]
    run = trained(tmp_path, worse, "epochs=3", *lines)
    end = load_file(run / "model.safetensors")
    assert any(
        all(end[n].tobytes() == a.tobytes() for n, a in weights_after(run, epoch).items())
        for epoch in (0, 1)
    ), "those before the last phase"
    ended = command.verify(str(run))
    assert ended.code == 0, ended.out + ended.err


def test_the_plan_command_writes_the_phases_of_the_run(phased: Path, command: Command) -> None:
    ended = command.plan(*LINES, *EMA)
    assert ended.code == 0, ended.err
    planned = read(command.folder / "plan", "plan.json")
    assert planned["phase"] == "head"
    assert planned["phases"] == read(phased, "plan.json")["phases"]

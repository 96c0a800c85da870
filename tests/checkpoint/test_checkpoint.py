"""What is written of a checkpoint is read again, and frozen weights are written once for two."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.checkpoints import make_checkpoint
from trainer.backend.convolutions import choice
from trainer.checkpoint import checkpoint
from trainer.checkpoint.checkpoint import Checkpoint, CorruptCheckpoint
from trainer.core import cpu_cores
from trainer.core.errors import ConfigError
from trainer.distributed import world
from trainer.distributed.world import World


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    before = make_checkpoint(3, 7)
    sha256 = checkpoint.write(tmp_path, before)
    after = checkpoint.read(tmp_path / before.name, sha256)
    assert after.progress == before.progress
    for one, other in ((before.weights, after.weights), (before.state, after.state)):
        assert {name: array.tobytes() for name, array in one.items()} == {
            name: array.tobytes() for name, array in other.items()
        }
    assert replace(after, weights={}, state={}) == replace(before, weights={}, state={})


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, make_checkpoint())
    path = tmp_path / make_checkpoint().name / "checkpoint.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 3'))
    with pytest.raises(ConfigError, match="expected format 2 or older, .* received format 3"):
        checkpoint.read(path.parent)
    path.write_text(path.read_text().replace('"format": 3', '"format": 0'))
    with pytest.raises(CorruptCheckpoint, match="format: expected a whole number above 0"):
        checkpoint.read(path.parent)


def test_one_of_format_1_which_has_one_file_for_all_weights_is_read(tmp_path: Path) -> None:
    before = make_checkpoint()
    folder = tmp_path / before.name
    checkpoint.write(tmp_path, replace(before, frozen={}))
    record = json.loads((folder / "checkpoint.json").read_text())
    assert set(record["sha256"]) == {"weights.safetensors", "state.safetensors"}
    (folder / "checkpoint.json").write_text(json.dumps(record | {"format": 1}))
    assert set(checkpoint.read(folder).weights) == set(before.weights)


def inode(folder: Path, epochs: int) -> int:
    return (folder / make_checkpoint(epochs).name / "frozen.safetensors").stat().st_ino


def still(epochs: int) -> Checkpoint:
    """A checkpoint in which what is frozen is as it is in the others."""
    weights = {"a": np.full(3, epochs), "b": np.array(-0.0, np.float32)}
    return replace(make_checkpoint(epochs), weights=weights, frozen={"b": "1234"})


def test_what_is_frozen_is_written_once_for_two(tmp_path: Path) -> None:
    for number in (1, 2):
        checkpoint.write(tmp_path, still(number))
    checkpoint.write(tmp_path, still(3), like=make_checkpoint(1).name)
    checkpoint.write(
        tmp_path, replace(still(4), frozen={"b": "5678"}), like=make_checkpoint(2).name
    )
    checkpoint.write(tmp_path, still(5), like="none")
    assert inode(tmp_path, 3) == inode(tmp_path, 1)
    assert len({inode(tmp_path, number) for number in (1, 2, 4, 5)}) == 4
    shutil.rmtree(tmp_path / make_checkpoint(1).name)
    found = checkpoint.read(tmp_path / make_checkpoint(3).name)
    assert {n: a.tobytes() for n, a in found.weights.items()} == {
        n: a.tobytes() for n, a in still(3).weights.items()
    }


def test_where_the_disk_has_no_links_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*paths: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    checkpoint.write(tmp_path, still(1))
    checkpoint.write(tmp_path, still(2), like=make_checkpoint(1).name)
    assert inode(tmp_path, 1) != inode(tmp_path, 2)
    checkpoint.read(tmp_path / make_checkpoint(2).name)


def test_versions_are_of_all_that_may_change_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = checkpoint.versions()
    programs = {"mindspore", "numpy", "python"}
    assert set(before) == programs | {
        "machine",
        "instruction set",
        "convolutions",
        "cores",
        "ranks",
    }
    assert before["cores"] == str(len(os.sched_getaffinity(0)))
    monkeypatch.setattr(cpu_cores, "used", lambda: 99)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "another")
    monkeypatch.setattr(world, "current", lambda: World(world_size=7))
    monkeypatch.setattr(choice, "name", lambda: "others")
    now = checkpoint.versions()
    changes = {name: now[name] for name in now if now[name] != before[name]}
    assert changes == {
        "instruction set": "another",
        "convolutions": "others",
        "cores": "99",
        "ranks": "7",
    }

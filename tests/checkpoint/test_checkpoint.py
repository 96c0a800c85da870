"""Checkpoints on disk: whole, checked, and the one before taken where the last is damaged."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint, CorruptCheckpoint
from trainer.core import cpu_cores
from trainer.core.errors import ConfigError
from trainer.distributed import world
from trainer.distributed.world import World
from trainer.engine.progress import Progress

FILES = ("weights.safetensors", "frozen.safetensors", "state.safetensors", "checkpoint.json")


def made(epochs: int = 0, steps: int = 0) -> Checkpoint:
    number = np.float32(epochs + steps / 100)
    return Checkpoint(
        Progress(epochs, steps, loss=0.1 + 0.2, samples=3, seconds=0.5),
        {"a": np.full((2, 3), number), "b": np.array(number)},
        {"moments.a": np.full((2, 3), -number), "global_step": np.array([steps], np.int32)},
        {"b": f"hash of {number}"},
        {"parameters": [], "cuts": []},
        {"epochs": 5},
        10,
        {"mindspore": "2.10.0"},
    )


def kept(folder: Path, *numbers: int) -> list[str]:
    for number in numbers:
        checkpoint_index.save(folder, made(number))
    return sorted(path.name for path in folder.glob("epoch_*"))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    before = made(3, 7)
    sha256 = checkpoint.write(tmp_path, before)
    after = checkpoint.read(tmp_path / before.name, sha256)
    assert after.progress == before.progress
    for one, other in ((before.weights, after.weights), (before.state, after.state)):
        assert {name: array.tobytes() for name, array in one.items()} == {
            name: array.tobytes() for name, array in other.items()
        }
    assert replace(after, weights={}, state={}) == replace(before, weights={}, state={})


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap_with_the_one_before(path: Path) -> None:
    shutil.copy(path.parent.parent / made(1).name / path.name, path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, swap_with_the_one_before, remove])
def test_a_damaged_file_is_refused_by_name_and_the_one_before_is_used(
    tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    kept(tmp_path, 1, 2)
    path = tmp_path / made(2).name / name
    damage(path)
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.progress.epochs == 1
    assert len(refused) == 1
    assert str(path) in refused[0]


def test_swapped_checkpoints_are_refused(tmp_path: Path) -> None:
    kept(tmp_path, 1, 2)
    one, other = (tmp_path / made(number).name for number in (1, 2))
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is None
    assert len(refused) == 2


@pytest.mark.parametrize("damage", [cut_short, remove])
def test_without_an_index_the_folders_are_looked_at(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    kept(tmp_path, 1, 2)
    damage(tmp_path / "index.json")
    flip_a_bit(tmp_path / made(2).name / "state.safetensors")
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.progress.epochs == 1
    assert any("state.safetensors" in why for why in refused)


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, made())
    path = tmp_path / made().name / "checkpoint.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 3'))
    with pytest.raises(ConfigError, match="expected format 2 or older, .* received format 3"):
        checkpoint.read(path.parent)
    path.write_text(path.read_text().replace('"format": 3', '"format": 0'))
    with pytest.raises(CorruptCheckpoint, match="format: expected a whole number above 0"):
        checkpoint.read(path.parent)


def test_one_of_format_1_which_has_one_file_for_all_weights_is_read(tmp_path: Path) -> None:
    before = made()
    folder = tmp_path / before.name
    checkpoint.write(tmp_path, replace(before, frozen={}))
    record = json.loads((folder / "checkpoint.json").read_text())
    assert set(record["sha256"]) == {"weights.safetensors", "state.safetensors"}
    (folder / "checkpoint.json").write_text(json.dumps(record | {"format": 1}))
    assert set(checkpoint.read(folder).weights) == set(before.weights)


def inode(folder: Path, epochs: int) -> int:
    return (folder / made(epochs).name / "frozen.safetensors").stat().st_ino


def still(epochs: int) -> Checkpoint:
    """A checkpoint in which what is frozen is as it is in the others."""
    weights = {"a": np.full(3, epochs), "b": np.array(-0.0, np.float32)}
    return replace(made(epochs), weights=weights, frozen={"b": "1234"})


def test_what_is_frozen_is_written_once_for_two(tmp_path: Path) -> None:
    for number in (1, 2):
        checkpoint.write(tmp_path, still(number))
    checkpoint.write(tmp_path, still(3), like=made(1).name)
    checkpoint.write(tmp_path, replace(still(4), frozen={"b": "5678"}), like=made(2).name)
    checkpoint.write(tmp_path, still(5), like="none")
    assert inode(tmp_path, 3) == inode(tmp_path, 1)
    assert len({inode(tmp_path, number) for number in (1, 2, 4, 5)}) == 4
    shutil.rmtree(tmp_path / made(1).name)
    found = checkpoint.read(tmp_path / made(3).name)
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
    checkpoint.write(tmp_path, still(2), like=made(1).name)
    assert inode(tmp_path, 1) != inode(tmp_path, 2)
    checkpoint.read(tmp_path / made(2).name)


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, 0, 1, 2, 3) == [made(2).name, made(3).name]
    listed = json.loads((tmp_path / "index.json").read_text())["kept"]
    assert [entry["name"] for entry in listed] == [made(2).name, made(3).name]


def test_the_best_is_kept_beside_them(tmp_path: Path) -> None:
    for number, metric in enumerate([0.9, 0.1, 0.5, None, 0.4]):
        checkpoint_index.save(tmp_path, made(number), metric)
    assert kept(tmp_path) == [made(1).name, made(3).name, made(4).name]
    assert checkpoint_index.best(tmp_path) == tmp_path / made(1).name


@pytest.mark.parametrize(
    ("metrics", "best"),
    [
        ([0.0, -0.25, -0.5], 2),  # accuracies, the first of which is 0
        ([0.25, 0.0, 0.5], 1),  # losses, one of which is 0
        ([-0.5, 0.0, None], 0),
        ([0.5, 0.5, 0.5], 0),
        ([None, None, 0.5], 2),
    ],
)
def test_the_best_has_the_lowest_metric_whatever_its_sign(
    metrics: list[float | None], best: int, tmp_path: Path
) -> None:
    for number, metric in enumerate(metrics):
        checkpoint_index.save(tmp_path, made(number), metric)
    assert checkpoint_index.best(tmp_path) == tmp_path / made(best).name


def monitoring(name: str, epochs: int) -> Checkpoint:
    return replace(made(epochs), settings={"checkpoint": {"best": name}})


def test_the_best_is_chosen_among_those_with_the_same_monitor(tmp_path: Path) -> None:
    for epochs, accuracy in enumerate([0.5, 0.9], 1):
        checkpoint_index.save(tmp_path, monitoring("accuracy", epochs), -accuracy)
    for epochs, loss in enumerate([0.4, 0.3, 0.6, 0.7], 3):
        checkpoint_index.save(tmp_path, monitoring("validation_loss", epochs), loss)
    assert kept(tmp_path) == [made(4).name, made(5).name, made(6).name]
    assert checkpoint_index.best(tmp_path) == tmp_path / made(4).name
    assert checkpoint_index.best(tmp_path, "accuracy") is None


def test_an_index_without_monitors_has_those_that_the_checkpoints_record(tmp_path: Path) -> None:
    for epochs, cost in enumerate([-0.9, -0.5], 1):
        checkpoint_index.save(tmp_path, monitoring("accuracy", epochs), cost)
    index = json.loads((tmp_path / "index.json").read_text())
    for entry in index["kept"]:
        assert entry.pop("monitor") == "accuracy"
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert checkpoint_index.best(tmp_path) == tmp_path / made(1).name
    checkpoint_index.save(tmp_path, monitoring("validation_loss", 3), 0.5)
    assert checkpoint_index.best(tmp_path) == tmp_path / made(3).name


def test_what_came_after_a_resume_is_no_longer_listed(tmp_path: Path) -> None:
    kept(tmp_path, 1, 2, 3)
    checkpoint_index.save(tmp_path, made(2, 5))
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.name == made(2, 5).name
    assert refused == []


def test_one_that_was_refused_takes_no_sound_ones_place(tmp_path: Path) -> None:
    kept(tmp_path, 1, 2)
    flip_a_bit(tmp_path / made(2).name / "weights.safetensors")
    came_from, _ = checkpoint_index.latest(tmp_path)
    assert came_from is not None

    checkpoint_index.save(tmp_path, made(2, 5), after=came_from.name)
    flip_a_bit(tmp_path / made(2, 5).name / "weights.safetensors")
    found, _ = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.name == made(1).name


def test_no_folder_holds_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint_index.latest(tmp_path / "none") == (None, [])
    assert checkpoint_index.best(tmp_path / "none") is None


def test_swapped_checkpoints_are_refused_though_no_index_tells_their_hashes(tmp_path: Path) -> None:
    test_swapped_checkpoints_are_refused(tmp_path)
    (tmp_path / "index.json").unlink()
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is None
    assert sorted(why.rpartition(" ")[2] for why in refused) == [made(1).name, made(2).name]


def test_the_index_names_only_what_is_there_whenever_something_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, removed = shutil.rmtree, []

    def checked(path: Path, ignore_errors: bool = False) -> None:
        if path.exists() and not path.name.startswith("."):
            listed = json.loads((tmp_path / "index.json").read_text())["kept"]
            assert path.name not in [entry["name"] for entry in listed]
            removed.append(path.name)
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", checked)
    kept(tmp_path, 0, 1, 2, 3)
    assert removed == [made(0).name, made(1).name]


def test_versions_are_of_all_that_may_change_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = checkpoint.versions()
    names = "mindspore", "numpy", "python", "machine", "instruction set", "cores", "ranks"
    assert set(names) == set(before)
    assert before["cores"] == str(len(os.sched_getaffinity(0)))
    monkeypatch.setattr(cpu_cores, "used", lambda: 99)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "another")
    monkeypatch.setattr(world, "current", lambda: World(world_size=7))
    now = checkpoint.versions()
    changes = {name: now[name] for name in now if now[name] != before[name]}
    assert changes == {"instruction set": "another", "cores": "99", "ranks": "7"}

"""Damaged checkpoints are refused, and the one before is taken."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint, save_checkpoints
from trainer.checkpoint import checkpoint_index

FILES = ("weights.safetensors", "frozen.safetensors", "state.safetensors", "checkpoint.json")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap_with_the_one_before(path: Path) -> None:
    shutil.copy(path.parent.parent / make_checkpoint(1).name / path.name, path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, swap_with_the_one_before, remove])
def test_a_damaged_file_is_refused_by_name_and_the_one_before_is_used(
    tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    save_checkpoints(tmp_path, 1, 2)
    path = tmp_path / make_checkpoint(2).name / name
    damage(path)
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.progress.epochs == 1
    assert len(refused) == 1
    assert str(path) in refused[0]


def test_swapped_checkpoints_are_refused(tmp_path: Path) -> None:
    save_checkpoints(tmp_path, 1, 2)
    one, other = (tmp_path / make_checkpoint(number).name for number in (1, 2))
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
    save_checkpoints(tmp_path, 1, 2)
    damage(tmp_path / "index.json")
    flip_a_bit(tmp_path / make_checkpoint(2).name / "state.safetensors")
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.progress.epochs == 1
    assert any("state.safetensors" in why for why in refused)


def test_one_that_was_refused_takes_no_sound_ones_place(tmp_path: Path) -> None:
    save_checkpoints(tmp_path, 1, 2)
    flip_a_bit(tmp_path / make_checkpoint(2).name / "weights.safetensors")
    came_from, _ = checkpoint_index.latest(tmp_path)
    assert came_from is not None

    checkpoint_index.save(tmp_path, make_checkpoint(2, 5), after=came_from.name)
    flip_a_bit(tmp_path / make_checkpoint(2, 5).name / "weights.safetensors")
    found, _ = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.name == make_checkpoint(1).name


def test_swapped_checkpoints_are_refused_though_no_index_tells_their_hashes(tmp_path: Path) -> None:
    test_swapped_checkpoints_are_refused(tmp_path)
    (tmp_path / "index.json").unlink()
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is None
    assert sorted(why.rpartition(" ")[2] for why in refused) == [
        make_checkpoint(1).name,
        make_checkpoint(2).name,
    ]

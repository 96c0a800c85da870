"""Which checkpoints are kept and listed, and which one is the best."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint, save_checkpoints
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    assert save_checkpoints(tmp_path, 0, 1, 2, 3) == [
        make_checkpoint(2).name,
        make_checkpoint(3).name,
    ]
    listed = json.loads((tmp_path / "index.json").read_text())["kept"]
    assert [entry["name"] for entry in listed] == [make_checkpoint(2).name, make_checkpoint(3).name]


def test_the_best_is_kept_beside_them(tmp_path: Path) -> None:
    for number, metric in enumerate([0.9, 0.1, 0.5, None, 0.4]):
        checkpoint_index.save(tmp_path, make_checkpoint(number), metric)
    assert save_checkpoints(tmp_path) == [
        make_checkpoint(1).name,
        make_checkpoint(3).name,
        make_checkpoint(4).name,
    ]
    assert checkpoint_index.best(tmp_path) == tmp_path / make_checkpoint(1).name


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
        checkpoint_index.save(tmp_path, make_checkpoint(number), metric)
    assert checkpoint_index.best(tmp_path) == tmp_path / make_checkpoint(best).name


def monitoring(name: str, epochs: int) -> Checkpoint:
    return replace(make_checkpoint(epochs), settings={"checkpoint": {"best": name}})


def test_the_best_is_chosen_among_those_with_the_same_monitor(tmp_path: Path) -> None:
    for epochs, accuracy in enumerate([0.5, 0.9], 1):
        checkpoint_index.save(tmp_path, monitoring("accuracy", epochs), -accuracy)
    for epochs, loss in enumerate([0.4, 0.3, 0.6, 0.7], 3):
        checkpoint_index.save(tmp_path, monitoring("validation_loss", epochs), loss)
    assert save_checkpoints(tmp_path) == [
        make_checkpoint(4).name,
        make_checkpoint(5).name,
        make_checkpoint(6).name,
    ]
    assert checkpoint_index.best(tmp_path) == tmp_path / make_checkpoint(4).name
    assert checkpoint_index.best(tmp_path, "accuracy") is None


def test_an_index_without_monitors_has_those_that_the_checkpoints_record(tmp_path: Path) -> None:
    for epochs, cost in enumerate([-0.9, -0.5], 1):
        checkpoint_index.save(tmp_path, monitoring("accuracy", epochs), cost)
    index = json.loads((tmp_path / "index.json").read_text())
    for entry in index["kept"]:
        assert entry.pop("monitor") == "accuracy"
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert checkpoint_index.best(tmp_path) == tmp_path / make_checkpoint(1).name
    checkpoint_index.save(tmp_path, monitoring("validation_loss", 3), 0.5)
    assert checkpoint_index.best(tmp_path) == tmp_path / make_checkpoint(3).name


def test_what_came_after_a_resume_is_no_longer_listed(tmp_path: Path) -> None:
    save_checkpoints(tmp_path, 1, 2, 3)
    checkpoint_index.save(tmp_path, make_checkpoint(2, 5))
    found, refused = checkpoint_index.latest(tmp_path)
    assert found is not None
    assert found.name == make_checkpoint(2, 5).name
    assert refused == []


def test_no_folder_holds_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint_index.latest(tmp_path / "none") == (None, [])
    assert checkpoint_index.best(tmp_path / "none") is None


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
    save_checkpoints(tmp_path, 0, 1, 2, 3)
    assert removed == [make_checkpoint(0).name, make_checkpoint(1).name]

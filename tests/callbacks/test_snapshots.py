import logging
from pathlib import Path

import numpy as np
import pytest

from trainer.callbacks.snapshots import Snapshots
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.config.groups import SnapshotSettings
from trainer.core.tensors import Weights
from trainer.engine.callback import EpochResult
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.metrics.evaluator import Score

PLAN = Plan(
    (ParameterPlan("a.weight", (2,), 8, "frozen", "a"), ParameterPlan("b", (), 4, "trainable"))
)


def told(number: int, a: tuple[float, float], b: float) -> EpochResult:
    weights: Weights = {"a.weight": np.array(a, np.float32), "b": np.array(b, np.float32)}
    return EpochResult(number, PLAN, weights, Score(0.0, None, 1))


EPOCHS = [((3.0, 4.0), 1.0), ((3.0, 4.0), -1.0), ((3.0, 4.0), -1.5)]


def run(folder: Path, keep: str = "all", shown: tuple[str, ...] = ()) -> list[EpochResult]:
    snapshots = Snapshots(folder, SnapshotSettings(keep=keep), shown)
    epochs = [told(number, *values) for number, values in enumerate(EPOCHS)]
    for epoch in epochs:
        snapshots.on_epoch_end(epoch)
    snapshots.on_run_end(True)
    return epochs


@pytest.mark.parametrize(
    ("keep", "stay"),
    [("all", [0, 1, 2]), ("last", [2]), ("every:1", [0, 1, 2]), ("every:2", [0, 2])],
)
def test_epochs_that_stay(keep: str, stay: list[int], tmp_path: Path) -> None:
    run(tmp_path, keep)
    store = SnapshotStore(tmp_path)
    assert store.epochs() == stay
    assert store.problems() == []
    assert store.read(2)["b"].tolist() == -1.5


def test_off_leaves_nothing(tmp_path: Path) -> None:
    run(tmp_path / "snapshots", "off")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", ["last", "off", "every:9"])
def test_what_a_resume_needs_stays_until_the_run_is_done(keep: str, tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, SnapshotSettings(keep=keep))
    for number in range(6):
        snapshots.on_epoch_end(
            told(
                number,
                *EPOCHS[1],
            )
        )
    assert SnapshotStore(tmp_path).epochs() == [0, 2, 3, 4, 5]
    snapshots.on_run_end(False)
    assert SnapshotStore(tmp_path).epochs() == [0, 2, 3, 4, 5]


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_resumed_run_has_the_table_of_one_that_was_never_stopped(
    epoch: int, tmp_path: Path
) -> None:
    whole = run(tmp_path / "whole")
    first = Snapshots(tmp_path / "resumed", SnapshotSettings())
    for number in range(epoch + 2):  # the last of them was written after the checkpoint
        first.on_epoch_end(told(number, *EPOCHS[number]))
    again = Snapshots(tmp_path / "resumed", SnapshotSettings())
    again.on_resume(epoch)
    assert SnapshotStore(tmp_path / "resumed").epochs() == list(range(epoch + 1))
    for number in range(epoch + 1, 3):
        record = told(number, *EPOCHS[number])
        again.on_epoch_end(record)
        assert record.changes == whole[number].changes
    again.on_run_end(True)
    assert SnapshotStore(tmp_path / "resumed").read(2)["b"].tolist() == -1.5
    assert SnapshotStore(tmp_path / "resumed").problems() == []


def test_lost_snapshots_do_not_end_a_resumed_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path)
    (tmp_path / "epoch_000.safetensors").write_bytes(b"")
    snapshots = Snapshots(tmp_path, SnapshotSettings(), ["b"])
    snapshots.on_resume(1)
    record = told(2, *EPOCHS[2])
    snapshots.on_epoch_end(record)
    with caplog.at_level(logging.INFO, "trainer"):
        snapshots.on_run_end(True)
    assert "changes since epoch 0 will not be known: " in caplog.text
    assert "epoch_000.safetensors: expected a whole safetensors file" in caplog.text
    assert "b at end, not known if equal to start" in caplog.text
    assert all(np.isnan(row["largest_since_start"]) for row in record.changes)
    assert SnapshotStore(tmp_path).read(2)["a.weight"].tolist() == [3.0, 4.0]


def test_a_run_from_the_start_forgets_one_that_was_killed_before_a_checkpoint(
    tmp_path: Path,
) -> None:
    Snapshots(tmp_path, SnapshotSettings()).on_epoch_end(told(0, (9.0, 9.0), 9.0))
    run(tmp_path)
    assert SnapshotStore(tmp_path).epochs() == [0, 1, 2]
    assert SnapshotStore(tmp_path).read(0)["b"].tolist() == 1.0


def of_a_kilobyte(number: int) -> EpochResult:
    plan = Plan((ParameterPlan("b", (256,), 1024, "trainable"),))
    return EpochResult(number, plan, {"b": np.full(256, number, np.float32)}, Score(0.0, None, 1))


def test_the_middle_is_thinned_for_the_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path, SnapshotSettings(max_mb=0.011))
    with caplog.at_level(logging.INFO, "trainer"):
        for number in range(17):
            snapshots.on_epoch_end(of_a_kilobyte(number))
            assert SnapshotStore(tmp_path).size() <= 11_000
        snapshots.on_run_end(True)
    epochs = SnapshotStore(tmp_path).epochs()
    assert (epochs[0], epochs[-3:], len(epochs)) == (0, [14, 15, 16], 7)
    assert max(np.diff(epochs)) <= 6
    assert SnapshotStore(tmp_path).problems() == []
    (told_once,) = caplog.messages
    assert told_once.startswith("snapshots exceed snapshot.max_mb=0.011")


def test_the_first_and_the_last_stay_though_they_exceed_the_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path, SnapshotSettings(max_mb=0.001))
    for number in range(6):
        snapshots.on_epoch_end(of_a_kilobyte(number))
    snapshots.on_run_end(True)
    assert SnapshotStore(tmp_path).epochs() == [0, 5]
    (told_once,) = caplog.messages
    assert "the first and the latest alone exceed 0.001 MB" in told_once


def test_the_table_tells_how_far_each_has_gone(tmp_path: Path) -> None:
    still, moved = run(tmp_path)[2].changes
    assert still == {
        "name": "a.weight",
        "state": "frozen",
        "norm": 5.0,
        "largest_since_start": 0.0,
        "mean_since_start": 0.0,
        "largest_since_last": 0.0,
        "mean_since_last": 0.0,
    }
    assert (moved["name"], moved["state"], moved["norm"]) == ("b", "trainable", 1.5)
    assert (moved["largest_since_start"], moved["largest_since_last"]) == (2.5, 0.5)


def test_the_table_has_the_largest_and_the_mean_since_the_start_and_since_the_last(
    tmp_path: Path,
) -> None:
    snapshots = Snapshots(tmp_path, SnapshotSettings())
    for number, values in enumerate([(0.0, 0.0), (3.0, 0.0), (3.0, -1.0)]):
        epoch = told(number, values, 0.0)
        snapshots.on_epoch_end(epoch)
    moved, still = epoch.changes
    assert {key: moved[key] for key in moved if "since" in key} == {
        "largest_since_start": 3.0,
        "mean_since_start": 2.0,
        "largest_since_last": 1.0,
        "mean_since_last": 0.5,
    }
    assert [still[key] for key in still if "since" in key] == [0.0] * 4


def test_the_table_is_made_where_no_file_is_kept(tmp_path: Path) -> None:
    assert len(run(tmp_path, "off")[1].changes) == 2


def test_values_are_printed_at_the_start_and_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "trainer"):
        run(tmp_path, "off", ("a", "b"))
    assert caplog.messages == [
        "a.weight at start:\n[3. 4.]",
        "b at start:\n1.",
        "a.weight at end, equal to start:\n[3. 4.]",
        "b at end, not equal to start:\n-1.5",
    ]

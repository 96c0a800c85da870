"""The space that a run takes, which is little where most is frozen, and a disk that has none."""

import json
import math

import pytest

from tests.support.command import Command
from trainer.artifacts import manifest
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core.errors import CannotWrite
from trainer.core.tensors import Weights
from trainer.launch import jobs

pytestmark = pytest.mark.slow

# The second convolution and the head: 2,841 of LeNet-5's 61,281 values train.
LINE = ["freeze=[conv1,fc1,fc2]", "method=requires_grad", "epochs=12", "batch_size=128"]


def test_with_95_percent_frozen_snapshots_take_less_than_15_percent(command: Command) -> None:
    assert command.train(*LINE).code == 0
    run = command.folder / "run"
    plan = json.loads((run / "plan.json").read_text())["parameters"]
    values = {p["name"]: math.prod(p["shape"]) for p in plan}
    frozen = sum(values[p["name"]] for p in plan if p["state"] == "frozen")
    assert 0.95 < frozen / sum(values.values()) < 0.96
    store = SnapshotStore(run / "snapshots")
    assert store.epochs() == list(range(13))
    share = store.size() / (13 * (run / "model.safetensors").stat().st_size)
    print(f"{share:.1%} of full copies")
    assert 0.1 < share < 0.15


def test_a_run_is_not_done_of_whose_last_epoch_something_cannot_be_written(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SnapshotStore.write

    def full(store: SnapshotStore, epoch: int, weights: Weights) -> None:
        if epoch == 2:
            raise CannotWrite("expected to write a snapshot: No space left on device")
        write(store, epoch, weights)

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotStore, "write", full)
        ended = command.train("freeze=conv1", "epochs=2")
    run = command.folder / "run"
    assert (ended.code, "No space left" in ended.err) == (74, True)
    assert not jobs.is_finished(run)
    assert not (run / "model.safetensors").exists()
    sealed = manifest.read(run)
    assert sealed is not None
    assert not sealed.done
    assert command.resume("run").code == 0
    assert jobs.is_finished(run)

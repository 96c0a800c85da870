"""When checkpoints are saved, and what is never saved."""

import errno
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, Recorder, changed, momentum, plan_of, rule, train
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import HostCopy, to_numpy
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.callbacks.history_recorder import HistoryRecorder
from trainer.callbacks.model_checkpoint import ModelCheckpoint
from trainer.checkpoint import checkpoint_index, restore
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.resume import ResumePoint
from trainer.config.groups import CheckpointSettings
from trainer.core.errors import CannotWrite, FrozenMoved
from trainer.core.tensors import Weights
from trainer.engine import train_step
from trainer.engine.callback import CallbackList, EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score


def make(
    progress: Progress, copied: Weights, state: Weights, history: Sequence[Mapping[str, Any]] = ()
) -> Checkpoint:
    return Checkpoint(progress, copied, state, {}, {}, {}, 3, {}, history=history)


def saving(
    folder: Path, net: nn.Cell, history: History | None = None, **when: object
) -> tuple[FreezeProof, ModelCheckpoint]:
    proof = FreezeProof(folder / "proof.json")
    keeping = CheckpointSettings.model_validate(when)
    rest = make, BackgroundWriter(), HostCopy(net), history or History()
    return proof, ModelCheckpoint(folder / "checkpoints", keeping, proof, {}, *rest)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("epoch_*"))


def trained(folder: Path, **when: object) -> tuple[TwoConvs, Recorder]:
    """Train an epoch of three steps with conv1 frozen."""
    net = TwoConvs()
    kept = saving(folder, net, None, **when)
    told = train(net, plan_of(net, rule("conv1")), callback=CallbackList(*kept))
    kept[1]._writer.on_run_end(True)
    return net, told


def _step(kept: ModelCheckpoint, steps: int) -> None:
    """Tell of a step as the loop does."""
    progress = Progress(0, steps)
    kept.on_step_end(1.0, 1.0, progress)
    kept.on_weights_synced(progress)


def test_start_and_end_of_an_epoch_are_saved(tmp_path: Path) -> None:
    net, told = trained(tmp_path)
    assert names(tmp_path) == ["epoch_00000_step_00000000", "epoch_00001_step_00000000"]
    found, _ = checkpoint_index.latest(tmp_path / "checkpoints")
    assert found is not None
    assert not changed(to_numpy(net), found.weights)
    state = restore.training_state(told.optimizers[0], {})
    assert {name: array.tobytes() for name, array in found.state.items()} == {
        name: p.asnumpy().tobytes() for name, p in state.items()
    }
    assert {"moments.conv2.weight", "global_step"} <= set(found.state)


def killed(steps: int) -> Iterator[Batch]:
    """Batches of a run that is killed, as it were."""
    yield from [IMAGES] * steps
    raise RuntimeError("killed")


def test_so_are_steps(tmp_path: Path) -> None:
    net, plan = TwoConvs(), plan_of(TwoConvs(), rule("conv1"))
    proof, kept = saving(tmp_path, net, every_steps=2)
    with pytest.raises(RuntimeError, match="killed"):
        train(net, plan, callback=CallbackList(proof, kept), batches=lambda epoch: killed(3))
    kept._writer.on_run_end(False)
    assert names(tmp_path) == ["epoch_00000_step_00000000", "epoch_00000_step_00000002"]
    found, _ = checkpoint_index.latest(tmp_path / "checkpoints")
    assert found is not None
    assert found.progress.samples == 8


def test_so_is_what_is_done_when_some_minutes_have_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kept = begun(tmp_path, every_minutes=5)
    for steps, minutes in enumerate((4.9, 5.0, 9.9, 10.0), 1):
        now[0] = 60 * minutes
        _step(kept, steps)
        kept._writer.wait()
    kept._writer.on_run_end(False)
    assert names(tmp_path) == ["epoch_00000_step_00000002", "epoch_00000_step_00000004"]


def begun(folder: Path, history: History | None = None, **when: object) -> ModelCheckpoint:
    """A saver that has seen the start of a phase in which conv1 is frozen."""
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv1")))
    proof, kept = saving(folder, net, history, **when)
    start = EpochResult(0, applied.plan, to_numpy(net), Score(1.0, None, 1))
    for watcher in (proof, kept):
        watcher.on_phase_start(applied, momentum(applied))
        watcher.on_epoch_end(start)
    kept._writer.wait()
    return kept


def test_a_step_is_put_off_while_the_one_before_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, free = begun(tmp_path, every_steps=1), threading.Event()
    save = checkpoint_index.save

    def slowly(*args: Any) -> None:
        free.wait(60)
        save(*args)

    monkeypatch.setattr(checkpoint_index, "save", slowly)
    for steps in (1, 2, 3):
        _step(kept, steps)  # would hang if it waited
    free.set()
    kept._writer.wait()
    _step(kept, 4)
    kept._writer.on_run_end(False)
    assert names(tmp_path) == ["epoch_00000_step_00000001", "epoch_00000_step_00000004"]


def test_what_has_moved_is_not_saved(tmp_path: Path) -> None:
    kept = begun(tmp_path, every_steps=1)
    weight = kept._applied.model.conv1.weight
    weight.set_data(Tensor(weight.asnumpy() + 1))
    with pytest.raises(FrozenMoved, match=r"by step 1 of epoch 1 1 moved:\n  - conv1\.weight by 1"):
        _step(kept, 1)
    with pytest.raises(FrozenMoved):
        kept.on_interrupt(Progress(0, 1))
    kept._writer.on_run_end(False)
    assert names(tmp_path) == ["epoch_00000_step_00000000"]


def test_a_disk_that_is_full_is_told_and_the_one_before_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(CannotWrite, match="No space left"):
        patch.setattr("os.fsync", full)
        kept.on_interrupt(Progress(0, 1))
    kept._writer.on_run_end(False)
    assert names(tmp_path) == ["epoch_00000_step_00000000"]
    assert not list((tmp_path / "checkpoints").glob(".epoch*"))


@pytest.mark.parametrize(
    ("best", "values", "cost"),
    [
        ("accuracy", {"validation_loss": 0.5, "accuracy": 0.25}, -0.25),
        ("accuracy", {"validation_loss": 0.5}, 0.5),  # labels are no classes
        ("validation_loss", {"validation_loss": 0.5, "accuracy": 0.25}, 0.5),
        ("validation_loss", {"accuracy": 0.25}, None),
        (None, {"validation_loss": 0.5, "accuracy": 0.25}, None),
        ("accuracy", {}, None),
    ],
)
def test_the_cost_by_which_the_best_is_chosen(
    best: str | None, values: dict[str, float], cost: float | None, tmp_path: Path
) -> None:
    history = History()
    history.add(Progress(2, 1), values)
    kept = saving(tmp_path, TwoConvs(), history, best=best)[1]
    assert kept._cost(Progress(2, 1)) == cost
    assert kept._cost(Progress(2, 2)) is None


def test_the_best_is_the_epoch_with_the_least_loss_or_the_most_right(tmp_path: Path) -> None:
    nan = math.nan
    scores = [(nan, nan), (0.5, 0.9), (0.4, 0.8), (0.6, 0.7), (0.7, 0.6)]
    for best, expected in (("validation_loss", 3), ("accuracy", 2), (None, 0)):
        folder = tmp_path / str(best)
        history = History()
        kept = begun(folder, history, best=best)
        plan, copied = kept._applied.plan, to_numpy(kept._applied.model)
        for number, score in enumerate(scores, 1):
            epoch = EpochResult(number, plan, copied, Score(*score, 10))
            HistoryRecorder(history).on_epoch_end(epoch)
            kept.on_epoch_end(epoch)
        kept._writer.on_run_end(True)
        found = checkpoint_index.best(folder / "checkpoints")
        assert (int(found.name.split("_")[1]) if found else 0) == expected


def test_restored_state_is_the_saved_one_and_what_is_new_starts_fresh() -> None:
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv1")))
    made = momentum(applied)
    count = Parameter(Tensor(0, ms.uint32), name="count")
    saved = {
        "moments.conv2.weight": np.ones(net.conv2.weight.shape, np.float32),
        "moments.conv2.bias": np.ones(99, np.float32),
        "global_step": np.array([7], np.int32),
        "count": np.array(7, np.uint32),
    }
    point = ResumePoint(replace(make(Progress(), {}, {}), state=saved))
    restore.load_state(point, made, {"count": count})
    state = restore.training_state(made, {"count": count})
    assert (state["moments.conv2.weight"].asnumpy() == 1).all()
    assert not state["moments.conv2.bias"].asnumpy().any(), "of another shape"
    assert state["global_step"].asnumpy() == 7
    assert count.asnumpy() == 7
    restore.load_state(None, made, {})


def test_the_scale_of_the_loss_is_among_the_state() -> None:
    assert {"scaler.scale_value", "scaler.counter"} <= set(
        restore.extra_state(train_step.loss_scaler("dynamic"), None)
    )
    assert restore.extra_state(None, None) == {}


def test_the_last_two_share_no_file_and_others_do(tmp_path: Path) -> None:
    kept = begun(tmp_path, best="accuracy")
    plan, copied = kept._applied.plan, to_numpy(kept._applied.model)
    kept._make = partial(frozen, dict.fromkeys(plan.names("frozen"), "a hash"))
    inodes = []
    for number in range(1, 6):
        kept.on_epoch_end(EpochResult(number, plan, copied, Score(0.5, 0.9, 10)))
        kept._writer.wait()
        name = f"checkpoints/epoch_{number:05d}_step_00000000/frozen.safetensors"
        inodes.append((tmp_path / name).stat().st_ino)
    kept._writer.on_run_end(True)
    assert inodes[0] != inodes[1]
    assert inodes[2:] == [inodes[0], inodes[1], inodes[0]]
    assert checkpoint_index.problems(tmp_path / "checkpoints") == []


def test_nor_if_the_last_is_saved_twice(tmp_path: Path) -> None:
    kept = begun(tmp_path, every_steps=1)
    names = kept._applied.plan.names("frozen")
    kept._make = partial(frozen, dict.fromkeys(names, "a hash"))
    for steps in (1, 2):
        _step(kept, steps)
        kept._writer.wait()
    kept.on_interrupt(Progress(0, 2))
    kept._writer.on_run_end(False)
    found = sorted(tmp_path.glob("checkpoints/*/frozen.safetensors"))
    assert len({path.stat().st_ino for path in found}) == 2


def frozen(hashes: Mapping[str, str], progress: Progress, *parts: Any) -> Checkpoint:
    return replace(make(progress, *parts), frozen=hashes)

"""When checkpoints are saved, and what is never saved."""

import errno
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mindspore import Tensor

from tests.support.model_checkpoints import begin_saving, checkpoint_names, report_step, savers
from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, Recorder, changed, plan_of, rule, train
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint import checkpoint_index, restore
from trainer.core.errors import CannotWrite, FrozenMoved
from trainer.engine.callback import CallbackList
from trainer.engine.progress import Progress


def trained(folder: Path, **when: object) -> tuple[TwoConvs, Recorder]:
    """Train an epoch of three steps with conv1 frozen."""
    net = TwoConvs()
    kept = savers(folder, net, None, **when)
    told = train(net, plan_of(net, rule("conv1")), callback=CallbackList(*kept))
    kept[1]._writer.on_run_end(True)
    return net, told


def test_start_and_end_of_an_epoch_are_saved(tmp_path: Path) -> None:
    net, told = trained(tmp_path)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000000", "epoch_00001_step_00000000"]
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
    proof, kept = savers(tmp_path, net, every_steps=2)
    with pytest.raises(RuntimeError, match="killed"):
        train(net, plan, callback=CallbackList(proof, kept), batches=lambda epoch: killed(3))
    kept._writer.on_run_end(False)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000000", "epoch_00000_step_00000002"]
    found, _ = checkpoint_index.latest(tmp_path / "checkpoints")
    assert found is not None
    assert found.progress.samples == 8


def test_so_is_what_is_done_when_some_minutes_have_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kept = begin_saving(tmp_path, every_minutes=5)
    for steps, minutes in enumerate((4.9, 5.0, 9.9, 10.0), 1):
        now[0] = 60 * minutes
        report_step(kept, steps)
        kept._writer.wait()
    kept._writer.on_run_end(False)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000002", "epoch_00000_step_00000004"]


def test_a_step_is_put_off_while_the_one_before_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, free = begin_saving(tmp_path, every_steps=1), threading.Event()
    save = checkpoint_index.save

    def slowly(*args: Any) -> None:
        free.wait(60)
        save(*args)

    monkeypatch.setattr(checkpoint_index, "save", slowly)
    for steps in (1, 2, 3):
        report_step(kept, steps)  # would hang if it waited
    free.set()
    kept._writer.wait()
    report_step(kept, 4)
    kept._writer.on_run_end(False)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000001", "epoch_00000_step_00000004"]


def test_what_has_moved_is_not_saved(tmp_path: Path) -> None:
    kept = begin_saving(tmp_path, every_steps=1)
    weight = kept._applied.model.conv1.weight
    weight.set_data(Tensor(weight.asnumpy() + 1))
    with pytest.raises(FrozenMoved, match=r"by step 1 of epoch 1 1 moved:\n  - conv1\.weight by 1"):
        report_step(kept, 1)
    with pytest.raises(FrozenMoved):
        kept.on_interrupt(Progress(0, 1))
    kept._writer.on_run_end(False)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000000"]


def test_a_disk_that_is_full_is_told_and_the_one_before_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begin_saving(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(CannotWrite, match="No space left"):
        patch.setattr("os.fsync", full)
        kept.on_interrupt(Progress(0, 1))
    kept._writer.on_run_end(False)
    assert checkpoint_names(tmp_path) == ["epoch_00000_step_00000000"]
    assert not list((tmp_path / "checkpoints").glob(".epoch*"))

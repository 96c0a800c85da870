"""Checkpoints share the files of frozen weights, except for the last two."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.model_checkpoints import begin_saving, make_checkpoint, report_step
from trainer.backend.host_copy import to_numpy
from trainer.callbacks.model_checkpoint import Make
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import Score


def test_the_last_two_share_no_file_and_others_do(tmp_path: Path) -> None:
    kept = begin_saving(tmp_path, best="accuracy")
    plan, copied = kept._applied.plan, to_numpy(kept._applied.model)
    kept._make = frozen(dict.fromkeys(plan.names("frozen"), "a hash"))
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
    kept = begin_saving(tmp_path, every_steps=1)
    names = kept._applied.plan.names("frozen")
    kept._make = frozen(dict.fromkeys(names, "a hash"))
    for steps in (1, 2):
        report_step(kept, steps)
        kept._writer.wait()
    kept.on_interrupt(Progress(0, 2))
    kept._writer.on_run_end(False)
    found = sorted(tmp_path.glob("checkpoints/*/frozen.safetensors"))
    assert len({path.stat().st_ino for path in found}) == 2


def frozen(hashes: Mapping[str, str]) -> Make:
    """Return what prepares checkpoints with these hashes of frozen tensors."""

    def prepare(progress: Progress, *parts: Any) -> Callable[[], Checkpoint]:
        return lambda: replace(make_checkpoint(progress, *parts)(), frozen=hashes)

    return prepare

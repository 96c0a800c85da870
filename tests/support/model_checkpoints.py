"""A ``ModelCheckpoint`` that writes into a folder, and steps that are reported to it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mindspore import nn

from tests.support.nets import TwoConvs
from tests.support.training import momentum, plan_of, rule
from trainer.backend.host_copy import HostCopy, to_numpy
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.callbacks.model_checkpoint import ModelCheckpoint
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.config.groups import CheckpointSettings
from trainer.core.tensors import Weights
from trainer.engine.callback import EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score
from trainer.optim.state_bank import StateBank


def make_checkpoint(
    progress: Progress, copied: Weights, state: Weights, history: Sequence[Mapping[str, Any]] = ()
) -> Callable[[], Checkpoint]:
    return lambda: Checkpoint(progress, copied, state, {}, {}, {}, 3, {}, history=history)


def savers(
    folder: Path, net: nn.Cell, history: History | None = None, **when: object
) -> tuple[FreezeProof, ModelCheckpoint]:
    proof = FreezeProof(folder / "proof.json")
    keeping = CheckpointSettings.model_validate(when)
    rest = make_checkpoint, BackgroundWriter(), HostCopy(net), history or History(), StateBank()
    return proof, ModelCheckpoint(folder / "checkpoints", keeping, proof, {}, *rest)


def checkpoint_names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("epoch_*"))


def report_step(kept: ModelCheckpoint, steps: int) -> None:
    """Report a step as the loop does."""
    progress = Progress(0, steps)
    kept.on_step_end(1.0, 1.0, progress)
    kept.on_weights_synced(progress)


def begin_saving(folder: Path, history: History | None = None, **when: object) -> ModelCheckpoint:
    """Return a ``ModelCheckpoint`` after the start of a phase in which conv1 is frozen."""
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv1")))
    proof, kept = savers(folder, net, history, **when)
    start = EpochResult(0, applied.plan, to_numpy(net), Score(1.0, None, 1))
    for watcher in (proof, kept):
        watcher.on_phase_start(applied, momentum(applied))
        watcher.on_epoch_end(start)
    kept._writer.wait()
    return kept

"""Stage updates: how far each stage of a model moves in an epoch, for adaptive phases."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mindspore import nn

from trainer.backend import host_copy
from trainer.checkpoint import checkpoint
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core.run_files import CHECKPOINTS, SNAPSHOTS
from trainer.core.tensors import Weights
from trainer.engine.adaptive_place import AdaptivePlace
from trainer.engine.callback import Callback, EpochResult, PhaseResult
from trainer.engine.run_length import RunLength
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.optim.rate_schedule import RateSchedule
from trainer.phases.adaptive import StageUpdate


class StageUpdates(Callback):
    """Tells the place of a run how far its stages have moved; it comes before the checkpoints.

    Args:
        folder: of the run, whose snapshots hold the weights of the epoch before a resume.
        place: of the run; the plans of its phases say what the stages are.
        rates: the learning rates.
        length: of the run.
    """

    def __init__(
        self, folder: Path, place: AdaptivePlace, rates: RateSchedule, length: RunLength
    ) -> None:
        self._folder = folder
        self._place = place
        self._rates = rates
        self._length = length
        self._stages = stages([phase.plan for phase in place.phases])
        self._last: Weights = {}
        self._has_ended = False

    def on_resume(self, epoch: int) -> None:
        """Read the weights at the end of the last epoch, or those to which the run returned then.

        Raises:
            ConfigError: they are lost.
        """
        undone = self._place.undone
        if undone is not None and self._place.start.moment == (epoch, 0):
            self._last = checkpoint.weights(self._folder / CHECKPOINTS / checkpoint.name_of(undone))
        else:
            self._last = SnapshotStore(self._folder / SNAPSHOTS).read(epoch)

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Note that the next phase may start with other weights."""
        self._has_ended = True

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Take the weights that it starts with, unless it is the first phase of this process."""
        if self._has_ended:
            self._last = host_copy.to_numpy(applied.model)
        self._has_ended = False

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Compare the weights with those of the epoch before."""
        if epoch.number and not epoch.stopped_at:
            norms = tuple(norm(names, self._last, epoch.weights) for names in self._stages)
            self._place.add_update(StageUpdate(epoch.number, norms, self._rate(epoch.number)))
        self._last = epoch.weights

    def _rate(self, number: int) -> float:
        """Return the sum of the learning rates of an epoch."""
        count = self._length.steps_per_epoch
        steps = range((number - 1) * count, number * count)
        return sum(self._rates.rate_at(step) for step in steps)


def stages(plans: Sequence[Plan]) -> list[tuple[str, ...]]:
    """Return the parameters of each stage: what one plan trains and the next one does not."""
    trained = [plan.names("trainable") for plan in plans]
    later = [frozenset(names) for names in trained[1:]] + [frozenset()]
    return [
        tuple(name for name in names if name not in others)
        for names, others in zip(trained, later, strict=True)
    ]


def norm(names: Sequence[str], before: Weights, after: Weights) -> float:
    """Return the norm of the change of some weights; 0 for those that are the same arrays."""
    changed = [name for name in names if before[name] is not after[name]]
    squares = (np.square(np.subtract(after[n], before[n], dtype=np.float64)) for n in changed)
    return float(np.sqrt(sum(float(square.sum()) for square in squares)))

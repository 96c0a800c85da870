"""Model checkpoints: saved at their times, and written in parallel to the training."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import Parameter, nn

from trainer.backend.host_copy import HostCopy
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.freeze_guard import check_weights
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.checkpoint import checkpoint_index, restore
from trainer.checkpoint.checkpoint import Checkpoint, name_of
from trainer.config.evaluation import ACCURACY
from trainer.config.groups import CheckpointSettings
from trainer.core.tensors import Weights
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score
from trainer.metrics.monitor import Monitor, best_of
from trainer.optim.state_bank import StateBank

# Prepares a checkpoint of progress, weights, state and history, which is made later.
Make = Callable[[Progress, Weights, Weights, Sequence[Mapping[str, Any]]], Callable[[], Checkpoint]]


class ModelCheckpoint(Callback):
    """Saves at the end of each epoch, at intervals of steps or minutes, and where the run stops.

    An evaluation within an epoch is saved as well if it is the best so far.

    Training waits while the weights are copied and compared with the proof. The files are written
    in parallel: a step's checkpoint is postponed while something is still being written.

    Args:
        folder: of all checkpoints.
        settings: the intervals, and the value by which the best is chosen.
        proof: knows what must not have moved; nothing is saved if it has.
        extra: parameters in addition to model and optimizer that a step changes, by name.
        make: see ``Make``.
        writer: writes the files.
        host_copy: of the model.
        history: of the run; has this moment's evaluation, if there was one.
        bank: state of parameters that are frozen for a while.
        after: name of the checkpoint from which the run continues; empty if it starts from scratch.
    """

    def __init__(
        self,
        folder: Path,
        settings: CheckpointSettings,
        proof: FreezeProof,
        extra: Mapping[str, Parameter],
        make: Make,
        writer: BackgroundWriter,
        host_copy: HostCopy,
        history: History,
        bank: StateBank,
        after: str = "",
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._proof = proof
        self._extra = extra
        self._make = make
        self._after = after
        self._host_copy = host_copy
        self._history = history
        self._bank = bank
        self._best = None if settings.best is None else Monitor.of(settings.best)
        self._saved: list[str] = []
        self._writer = writer
        self._last = time.monotonic()
        self._due = False

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Note what is to be saved."""
        self._applied = applied
        self._optimizer = optimizer

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Note whether it is time."""
        steps = self._settings.every_steps
        self._due = self._due or (steps is not None and progress.steps % steps == 0)

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """Save what is the best so far."""
        if self._best is not None and self._is_best(progress, self._best):
            self._save_here(progress)

    def on_weights_synced(self, progress: Progress) -> None:
        """Save if it is time."""
        minutes = self._settings.every_minutes
        by_time = minutes is not None and time.monotonic() - self._last >= 60 * minutes
        due, self._due = self._due or by_time, False
        if due and not self._writer.busy:
            self._save_here(progress)

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Save; the proof and the guard have seen these weights."""
        self._save(epoch.reached, epoch.weights)

    def on_interrupt(self, progress: Progress) -> None:
        """Save, and wait until it is written."""
        self._save_here(progress)
        self._writer.wait()

    def _save_here(self, progress: Progress) -> None:
        copied, plan = self._host_copy.fetch(), self._applied.plan
        when = f"step {progress.steps} of epoch {progress.epochs + 1}"
        check_weights(plan, copied, self._proof.moved(plan, copied), when)
        self._save(progress, copied)

    def _save(self, progress: Progress, copied: Weights) -> None:
        training_state = restore.training_state(self._optimizer, self._extra)
        state = {name: np.array(parameter.asnumpy()) for name, parameter in training_state.items()}
        name = name_of(progress)
        # The frozen tensors share a file with the checkpoint before the last, so that one of two is
        # sound if a file is damaged; never with one of another process, which is unknown here.
        others = [saved for saved in self._saved if saved != name]  # a stop may save a step again
        like = others[-2] if len(others) > 1 else ""
        state = {**self._bank.arrays, **state}
        make = self._make(progress, copied, state, self._history.as_json())
        metric, after = self._cost(progress), self._after
        self._writer.submit(
            lambda: checkpoint_index.save(self._folder, make(), metric, after, like)
        )
        self._after = name
        self._saved = [*others[-1:], name]
        self._last = time.monotonic()

    def _cost(self, progress: Progress) -> float | None:
        """Return the value that is lowest for the best; None if this moment cannot be the best."""
        measurement = self._history.at(progress)
        if self._best is None or measurement is None:
            return None
        name, values = self._best.name, measurement.values
        if name == ACCURACY and name not in values:  # labels are no classes
            return Monitor().as_cost(values.get(Monitor().name))
        return self._best.as_cost(values.get(name))

    def _is_best(self, progress: Progress, best: Monitor) -> bool:
        values = {(p.epochs, p.steps): value for p, value in self._history.series(best.name)}
        return best_of(values, best) == (progress.epochs, progress.steps)

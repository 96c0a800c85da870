"""Saver: checkpoints at their times, written beside the training."""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from mindspore import Parameter, nn

from trainer import checkpoints, restore, weights
from trainer.apply import Applied
from trainer.checkpoint import Checkpoint
from trainer.guard import ensure
from trainer.progress import Progress
from trainer.proof import Proof
from trainer.settings import Keeping
from trainer.tensors import Weights
from trainer.watcher import Epoch, Watcher

Make = Callable[[Progress, Weights, Weights], Checkpoint]


class Saver(Watcher):
    """Saves at each epoch's end, every so many steps or minutes, and where the run stops.

    Training waits while the weights are copied and compared with the proof. The files are written
    beside it: a step's checkpoint is put off while the one before is still being written; an
    epoch's end waits for that.

    Args:
        folder: of all checkpoints.
        when: every how many steps or minutes, and what the best is chosen by.
        proof: knows what must not have moved: nothing else is saved.
        extra: parameters besides net and optimizer that a step changes, by name.
        make: makes a checkpoint of progress, weights and state.
        after: name of the checkpoint from which the run goes on; empty: from the start.
    """

    def __init__(
        self,
        folder: Path,
        when: Keeping,
        proof: Proof,
        extra: Mapping[str, Parameter],
        make: Make,
        after: str = "",
    ) -> None:
        self._folder = folder
        self._when = when
        self._proof = proof
        self._extra = extra
        self._make = make
        self._after = after
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None
        self._last = time.monotonic()
        self._due = False

    def phase(self, applied: Applied, optimizer: nn.Optimizer) -> None:
        """Note what is to be saved."""
        self._applied = applied
        self._optimizer = optimizer

    def step(self, loss: float, seconds: float, progress: Progress) -> None:
        """Note whether it is time."""
        steps = self._when.every_steps
        self._due = self._due or (steps is not None and progress.steps % steps == 0)

    def settled(self, progress: Progress) -> None:
        """Save if it is time."""
        minutes = self._when.every_minutes
        by_time = minutes is not None and time.monotonic() - self._last >= 60 * minutes
        due, self._due = self._due or by_time, False
        if due and (self._writing is None or self._writing.done()):
            self._save_here(progress)

    def epoch(self, epoch: Epoch) -> None:
        """Save; the proof and the guard have seen these weights."""
        self._save(Progress(epoch.number), epoch.weights, _metric(self._when.best, epoch))

    def stop(self, progress: Progress) -> None:
        """Save, and wait until it is written."""
        self._save_here(progress)
        self._wait()

    def end(self, done: bool) -> None:
        """Wait for what is being written."""
        self._wait()
        self._writer.shutdown()

    def _save_here(self, progress: Progress) -> None:
        copied, plan = weights.fetch(self._applied.net), self._applied.plan
        when = f"step {progress.steps} of epoch {progress.epochs + 1}"
        ensure(plan, copied, self._proof.moved(plan, copied), when)
        self._save(progress, copied)

    def _save(self, progress: Progress, copied: Weights, metric: float | None = None) -> None:
        self._wait()
        state = {
            name: np.array(parameter.asnumpy())
            for name, parameter in restore.mutable(self._optimizer, self._extra).items()
        }
        made = self._make(progress, copied, state)
        keep = partial(checkpoints.keep, self._folder, made, metric, self._after)
        self._writing, self._after = self._writer.submit(keep), made.name
        self._last = time.monotonic()

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()


def _metric(name: str | None, epoch: Epoch) -> float | None:
    """Return what the best epoch has least of; None if this one is not to be chosen."""
    score = epoch.validation
    if epoch.number == 0 or name is None:
        return None
    found = score.loss
    if name == "accuracy" and score.accuracy is not None:
        found = -score.accuracy
    return found if math.isfinite(found) else None

"""Loop spec: what the training loop works with in a phase: its functions and callbacks."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from mindspore import nn

from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import HostCopy
from trainer.engine.callback import Callback
from trainer.engine.optimizer_step import OptimizerStep
from trainer.engine.phase_place import PhasePlace
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score
from trainer.optim.state_bank import StateBank


class EpochBatches(Protocol):
    """Returns the training batches of an epoch."""

    def __call__(self, epoch: int, start: int = 0) -> Iterable[Batch]:
        """Return the batches of an epoch, by its number; those from number ``start`` on."""


@dataclass(frozen=True)
class Loop:
    """What a loop works with in a phase.

    Attributes:
        model: the loop applies the phase's plan to it.
        make_optimizer: returns an optimizer over the trainable parameters.
        make_step: returns the step of an optimizer, to be compiled under the phase's plan.
        batches: returns an epoch's training batches.
        evaluate: returns the score on the validation data.
        callback: is called at each phase, step and epoch.
        length: where the run ends, and where it is evaluated.
        place: where the run is among its phases.
        stop_reason: returns, after each step, why to stop here; empty: continue.
        start: the progress from which a run resumes; None: it starts.
        restore_optimizer: restores the optimizer's state of that progress.
        world_size: number of processes that share each batch; ``batches`` returns this one's part.
        host_copy: of the model, if others read it too.
        fetch_every: number of steps after which their losses are fetched, which the host waits for.
        accumulation_steps: number of batches of each step; the last step of an epoch may have less.
        averaged: has the model compute with its averaged weights within a block; None: there are
            none.
        end_reason: returns, after each evaluation, why the run is over; empty: continue.
        bank: the state of parameters that are frozen for a while.
        recomputed: names of the cells that compute their activations again for the backward pass.
    """

    model: nn.Cell
    make_optimizer: Callable[[FrozenModel], nn.Optimizer]
    make_step: Callable[[nn.Optimizer], OptimizerStep]
    batches: EpochBatches
    evaluate: Callable[[], Score]
    callback: Callback
    length: RunLength
    place: PhasePlace
    stop_reason: Callable[[], str] = lambda: ""
    start: Progress | None = None
    restore_optimizer: Callable[[nn.Optimizer], None] = lambda optimizer: None
    world_size: int = 1
    host_copy: HostCopy | None = None
    fetch_every: int = 1
    accumulation_steps: int = 1
    averaged: Callable[[], AbstractContextManager[None]] | None = None
    end_reason: Callable[[], str] = lambda: ""
    bank: StateBank = field(default_factory=StateBank)
    recomputed: Collection[str] = ()

    def updates(self, progress: Progress) -> int:
        """Return the number of updates of the run up to a progress; schedules depend on it."""
        return progress.updates(self.length.steps_per_epoch)

    def is_over(self, progress: Progress) -> bool:
        """Tell whether the run is over."""
        if progress.epochs >= self.length.epochs:
            return True
        if progress.steps:
            return self.ends_within(progress)
        return bool(self.end_reason()) or self.place.ends_run(progress)

    def ends_within(self, progress: Progress) -> bool:
        """Tell whether the run is over although the epoch is not."""
        if not 0 < progress.steps < self.length.steps_per_epoch:
            return False
        if self.length.ends_within(progress) or self.place.ends_run(progress):
            return True  # nothing but an evaluation changes the other reason in an epoch
        return self.length.evaluates_within(progress) and bool(self.end_reason())

    def pauses_within(self, progress: Progress) -> bool:
        """Tell whether run or phase is over although the epoch is not."""
        return self.ends_within(progress) or self.place.ends_within(progress)

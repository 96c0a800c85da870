"""Watchers: the protocol of what stands around the training loop, and the record it is given."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from mindspore import nn

from trainer.core.tensors import Weights
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score


@dataclass
class EpochResult:
    """What is known at an epoch's end; epoch 0 is the state before the first step.

    Attributes:
        number: counted from 1 through all phases.
        plan: the plan of its phase.
        weights: a copy of all parameters on the host, by dotted path.
        validation: the score on the validation data.
        steps: training steps of this epoch.
        loss: mean training loss of those steps; None for epoch 0.
        seconds: wall time of those steps.
        images_per_second: samples a second, the first step after a compile left out.
        moved: frozen tensors that moved, each with how far and why; the proof fills it in.
        changes: the table of weights, a row a parameter; the snapshots have it filled in, beside
            the training.
    """

    number: int
    plan: Plan
    weights: Weights
    validation: Score
    steps: int = 0
    loss: float | None = None
    seconds: float = 0.0
    images_per_second: float = 0.0
    moved: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)


class Callback:
    """What may stand around the loop; a watcher overrides what it needs."""

    def on_resume(self, epoch: int) -> None:
        """The run goes on after so many whole epochs: take up what the folder holds of them.

        What it holds of later ones was written after the checkpoint, and is forgotten.
        """

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """A phase is set up; nothing is compiled yet."""

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """A step is done: its loss, its wall time with the wait for data, and where that leads."""

    def on_weights_synced(self, progress: Progress) -> None:
        """The steps that were told of are all that were taken: the weights are of this moment."""

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """An epoch is over; also called once before the first."""

    def on_epoch_overhead(self, seconds: float) -> None:
        """Training has waited so long at an epoch's end: for the watchers, and for the weights."""

    def on_interrupt(self, progress: Progress) -> None:
        """The run stops here, to be resumed later."""

    def on_run_end(self, done: bool) -> None:
        """The run is over; ``done`` tells whether it came to its end, or may still go on."""


class CallbackList(Callback):
    """Several watchers as one; each hears of an event after those before it."""

    def __init__(self, *watchers: Callback) -> None:
        self._watchers = watchers

    def on_resume(self, epoch: int) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_resume(epoch))

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_phase_start(applied, optimizer))

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_step_end(loss, seconds, progress))

    def on_weights_synced(self, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_weights_synced(progress))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_epoch_end(epoch))

    def on_epoch_overhead(self, seconds: float) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_epoch_overhead(seconds))

    def on_interrupt(self, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda watcher: watcher.on_interrupt(progress))

    def on_run_end(self, done: bool) -> None:
        """Pass it on to all of them, even if one fails."""
        with ExitStack() as stack:
            for watcher in reversed(self._watchers):
                stack.callback(watcher.on_run_end, done)

    def _each(self, tell: Callable[[Callback], None]) -> None:
        for watcher in self._watchers:
            tell(watcher)

"""Callbacks: what runs around the training loop, and what the loop passes to it."""

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mindspore import nn

from trainer.core.tensors import Weights
from trainer.engine.phase_place import PhaseStart
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score


@dataclass(frozen=True)
class RunInfo:
    """What a callback may know of its run.

    Attributes:
        folder: the run's folder, which exists.
        settings: the run's settings as plain data.
        submit: runs a function in the background, after those submitted before; for writing files.
    """

    folder: Path
    settings: Mapping[str, Any]
    submit: Callable[[Callable[[], None]], None]


@dataclass
class EpochResult:
    """What is known at the end of an epoch; epoch 0 is the state before the first step.

    Attributes:
        number: counted from 1 through all phases.
        plan: the plan of its last phase.
        weights: a copy of all parameters on the host, by dotted path.
        validation: the score on the validation data.
        steps: training steps of this epoch.
        loss: mean training loss of those steps; None for epoch 0.
        seconds: wall time of those steps.
        images_per_second: samples per second, without the first step after a compilation.
        moved: frozen tensors that moved, each with how far and why; the proof fills it in.
        changes: the table of weights, one row per parameter; filled in in the background by the
            snapshots.
        lr: the learning rates of the last step by label, one per factor that a policy gives;
            filled in by the learning-rate monitor.
        ema: the score of the averaged weights; None: there are none.
        stopped_at: the progress at which the run ended within this epoch; None: it is complete.
        progress: after its last step.
        trained: names of what trained in any phase of this epoch; none: what the plan trains.
        phase: where its last phase began; None: the run has no phases.
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
    lr: dict[str, float] = field(default_factory=dict)
    ema: Score | None = None
    stopped_at: Progress | None = None
    progress: Progress = Progress()
    trained: Collection[str] = ()
    phase: PhaseStart | None = None

    @property
    def reached(self) -> Progress:
        """The progress at its end."""
        return self.stopped_at or self.progress.epoch_start(self.number)


@dataclass
class PhaseResult:
    """What is known at the end of a phase that another one follows.

    Attributes:
        start: where it began, and which one it is.
        plan: its plan.
        progress: where it ends.
        reason: why.
        weights: a copy of all parameters on the host, by dotted path.
        moved: frozen tensors that moved, each with how far and why; the proof fills it in.
    """

    start: PhaseStart
    plan: Plan
    progress: Progress
    reason: str
    weights: Weights
    moved: dict[str, str] = field(default_factory=dict)


class Callback:
    """What may run around the training loop; a subclass overrides the events that it needs."""

    def on_run_start(self, run: RunInfo) -> None:
        """The run's folder is there; nothing has been compiled or trained."""

    def on_resume(self, epoch: int) -> None:
        """The run resumes after this number of complete epochs: read what the folder holds of them.

        What it holds of later epochs was written after the checkpoint, and is to be dropped.
        """

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """A phase is set up; nothing is compiled yet."""

    def on_phase_end(self, phase: PhaseResult) -> None:
        """A phase is over, and another one follows."""

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """A step is done: its loss, its wall time including the wait for data, and the progress."""

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """The model was evaluated within an epoch, after the steps reported so far."""

    def on_weights_synced(self, progress: Progress) -> None:
        """No step has been taken besides those reported: the weights are those after them."""

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """An epoch is over; also called once before the first."""

    def on_data_wait(self, seconds: float) -> None:
        """The steps of an epoch, all of which are reported, have waited this long for batches."""

    def on_epoch_overhead(self, seconds: float) -> None:
        """Training has waited this long at an epoch's end: for callbacks and copies of weights."""

    def on_interrupt(self, progress: Progress) -> None:
        """The run stops here, and can be resumed."""

    def on_run_end(self, done: bool) -> None:
        """The run is over; ``done``: it is finished; else it can be resumed."""


class CallbackList(Callback):
    """Several callbacks as one; each event reaches them in order."""

    def __init__(self, *callbacks: Callback) -> None:
        self._callbacks = callbacks
        self._failed_start: Callback | None = None

    def on_run_start(self, run: RunInfo) -> None:
        """Pass it on; those after one that fails are not called at the run's end either."""
        for callback in self._callbacks:
            self._failed_start = callback
            callback.on_run_start(run)
        self._failed_start = None

    def on_resume(self, epoch: int) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_resume(epoch))

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_phase_start(applied, optimizer))

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_phase_end(phase))

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_step_end(loss, seconds, progress))

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_evaluation(progress, score, ema))

    def on_weights_synced(self, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_weights_synced(progress))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_epoch_end(epoch))

    def on_epoch_overhead(self, seconds: float) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_epoch_overhead(seconds))

    def on_data_wait(self, seconds: float) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_data_wait(seconds))

    def on_interrupt(self, progress: Progress) -> None:
        """Pass it on."""
        self._each(lambda callback: callback.on_interrupt(progress))

    def on_run_end(self, done: bool) -> None:
        """Pass it on to all that have started, even if one fails."""
        started = self._callbacks
        if self._failed_start is not None:
            started = started[: started.index(self._failed_start)]
        with ExitStack() as stack:
            for callback in reversed(started):
                stack.callback(callback.on_run_end, done)

    def _each(self, call: Callable[[Callback], None]) -> None:
        for callback in self._callbacks:
            call(callback)

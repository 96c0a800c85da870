"""The training loop: phases, epochs, steps. Callbacks run around it; it knows none by name."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import HostCopy
from trainer.core.errors import BadData, Stopped, WeightsNotFinite
from trainer.engine import divergence
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score
from trainer.optim.optimizer import carry_over


@dataclass(frozen=True)
class Phase:
    """Epochs of a run under one plan, with an optimizer and a compiled step of their own."""

    plan: Plan
    epochs: int


@dataclass(frozen=True)
class Loop:
    """What a loop works with.

    Attributes:
        model: the loop applies each phase's plan to it.
        make_optimizer: returns an optimizer over the trainable parameters.
        make_step: returns the step of an optimizer, to be compiled under the phase's plan.
        batches: returns an epoch's training batches, by the epoch's number.
        evaluate: returns the score on the validation data.
        callback: is called at each phase, step and epoch.
        stop_reason: returns, after each step, why to stop here; empty: continue.
        start: the progress from which a run resumes; None: it starts.
        restore_optimizer: restores the optimizer's state of that progress.
        world_size: number of processes that share each batch; ``batches`` returns this one's part.
        host_copy: of the model, if others read it too.
        fetch_every: number of steps after which their losses are fetched, which the host waits for.
    """

    model: nn.Cell
    make_optimizer: Callable[[FrozenModel], nn.Optimizer]
    make_step: Callable[[nn.Optimizer], Callable[..., Tensor]]
    batches: Callable[[int], Iterable[Batch]]
    evaluate: Callable[[], Score]
    callback: Callback
    stop_reason: Callable[[], str] = lambda: ""
    start: Progress | None = None
    restore_optimizer: Callable[[nn.Optimizer], None] = lambda optimizer: None
    world_size: int = 1
    host_copy: HostCopy | None = None
    fetch_every: int = 1


def train(loop: Loop, phases: Sequence[Phase]) -> Score:
    """Train through the phases in turn; return the last score on the validation data.

    Raises:
        NotFinite: a loss was not finite; that step changed no weight.
        Stopped: ``loop.stop_reason`` returned one; the callbacks know where.
        BadData: ``loop.batches`` raised it; all steps before that batch are saved.
    """
    last_epoch, previous, progress = 0, None, loop.start or Progress()
    host_copy = loop.host_copy or HostCopy(loop.model)
    for phase in phases:
        epochs = range(max(last_epoch, progress.epochs) + 1, last_epoch + phase.epochs + 1)
        last_epoch += phase.epochs
        if not epochs:
            continue
        frozen_model = FrozenModel(loop.model, phase.plan)
        optimizer = loop.make_optimizer(frozen_model)
        loop.callback.on_phase_start(frozen_model, optimizer)
        if previous is not None:
            carry_over(previous, optimizer)
        else:
            _begin(loop, phase.plan, optimizer, host_copy)
        step = loop.make_step(optimizer)  # compiled: it ignores later changes of flags and hooks
        for epoch in epochs:
            with _causes_named(loop, epoch):
                score = _epoch(loop, frozen_model, step, progress, host_copy)
            progress = Progress(epoch)
        frozen_model.undo()
        previous = optimizer
    return score if previous is not None else loop.evaluate()


def _begin(loop: Loop, plan: Plan, optimizer: nn.Optimizer, host_copy: HostCopy) -> None:
    """Record the state before the first step, or restore the one that the run resumes from."""
    if loop.start is None:
        loop.callback.on_epoch_end(
            EpochResult(0, plan, host_copy.fetch(), _evaluate(loop, Progress()))
        )
    else:
        loop.restore_optimizer(optimizer)


def _evaluate(loop: Loop, progress: Progress) -> Score:
    """Return the score after the steps of an epoch.

    Raises:
        BadData: of the validation data; the steps of the epoch are saved.
    """
    try:
        return loop.evaluate()
    except BadData as error:
        if progress.steps:
            loop.callback.on_interrupt(progress)
        epoch = progress.epochs + 1 if progress.steps else progress.epochs
        raise BadData(f"evaluation after epoch {epoch}: {error}") from None


@contextmanager
def _causes_named(loop: Loop, epoch: int) -> Iterator[None]:
    """Add the likely cause to the error of weights that are not finite; reads the epoch again."""
    try:
        yield
    except WeightsNotFinite as error:
        raise divergence.weights_not_finite(error, loop.batches(epoch)) from None


def _epoch(
    loop: Loop,
    frozen_model: FrozenModel,
    step: Callable[..., Tensor],
    progress: Progress,
    host_copy: HostCopy,
) -> Score:
    """Train the rest of an epoch, and record it."""
    frozen_model.set_train()
    progress, speed = _steps(loop, step, progress)
    score = _evaluate(loop, progress)
    end = time.perf_counter()
    loop.callback.on_epoch_end(
        EpochResult(
            progress.epochs + 1,
            frozen_model.plan,
            host_copy.fetch(),
            score,
            steps=progress.steps,
            loss=progress.loss / max(progress.steps, 1),
            seconds=progress.seconds,
            images_per_second=speed,
        )
    )
    loop.callback.on_epoch_overhead(time.perf_counter() - end)
    return score


def _steps(loop: Loop, step: Callable[..., Tensor], progress: Progress) -> tuple[Progress, float]:
    """Take the remaining steps of an epoch; return the progress, and samples per second."""
    epoch = progress.epochs + 1
    times: list[tuple[int, float]] = []
    pending: list[tuple[Tensor, Batch]] = []
    start = time.perf_counter()
    # Batches already trained on are prepared again, so that random preparation continues as it was.
    batches = islice(loop.batches(epoch), progress.steps, None)
    while (batch := _next_batch(batches)) is not None:
        if isinstance(batch, BadData):
            progress, _ = _fetch_losses(loop, pending, progress, start, times)
            loop.callback.on_interrupt(progress)
            raise BadData(f"epoch {epoch}, step {progress.steps + 1}: {batch}; all before is saved")
        pending.append((step(*batch), batch))
        if len(pending) < loop.fetch_every and not loop.stop_reason():
            continue
        progress, start = _fetch_losses(loop, pending, progress, start, times)
        if reason := loop.stop_reason():
            loop.callback.on_interrupt(progress)
            raise Stopped(f"{reason} in epoch {epoch}, after step {progress.steps}; all is saved")
    progress, _ = _fetch_losses(loop, pending, progress, start, times)
    return progress, _samples_per_second(times)


def _next_batch(batches: Iterator[Batch]) -> Batch | BadData | None:
    """Return the next batch, or why there is none; None: the epoch is over."""
    try:
        return next(batches, None)
    except BadData as error:
        return error


def _fetch_losses(
    loop: Loop,
    pending: list[tuple[Tensor, Batch]],
    progress: Progress,
    start: float,
    times: list[tuple[int, float]],
) -> tuple[Progress, float]:
    """Wait for the losses of steps, report each to the callbacks; return the progress and now."""
    losses = [float(loss.asnumpy()) for loss, _ in pending]
    now = time.perf_counter()
    for loss, (_, batch) in zip(losses, pending, strict=True):
        if not math.isfinite(loss):
            raise divergence.loss_not_finite(loss, progress.epochs + 1, progress.steps + 1, batch)
        samples = loop.world_size * batch[-1].shape[0]
        times.append((samples, (now - start) / len(pending)))
        progress = progress.after(loss, *times[-1])
        loop.callback.on_step_end(loss, times[-1][1], progress)
    if pending:
        loop.callback.on_weights_synced(progress)
    pending.clear()
    return progress, now


def _samples_per_second(times: Sequence[tuple[int, float]]) -> float:
    """Return samples per second, without the first step if there are others."""
    warm = times[1:] or times
    return sum(samples for samples, _ in warm) / sum(seconds for _, seconds in warm) if warm else 0

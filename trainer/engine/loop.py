"""The training loop: phases, epochs, steps. What watches it, it does not know by name."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import HostCopy
from trainer.core.errors import NotFinite, Stopped
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score
from trainer.optim import optimizer as optimizers


@dataclass(frozen=True)
class Phase:
    """A stretch of a run under one plan, with an optimizer and a compiled step of its own."""

    plan: Plan
    epochs: int


@dataclass(frozen=True)
class Loop:
    """What a loop works with.

    Attributes:
        net: the net; the loop applies each phase's plan to it.
        optimizer: makes an optimizer over the trainable parameters.
        step: makes the step that an optimizer takes, to be compiled under the phase's plan.
        batches: gives an epoch's training batches, by the epoch's number.
        evaluate: gives the score on the validation data.
        watcher: hears of every phase, step and epoch.
        stopped: tells, after each step, why to stop here; empty: go on.
        start: how far a run has come that goes on; None: this one starts.
        restore: puts back the state of the optimizer with which the run had come there.
        shares: among how many processes each batch is shared; ``batches`` gives this one's.
        mirror: of the net, if others look into it too.
        fetch_every: steps after which their losses are fetched, for which the host has to wait.
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
        Stopped: ``loop.stopped`` said so; the watchers know where.
    """
    done, previous, progress = 0, None, loop.start or Progress()
    mirror = loop.host_copy or HostCopy(loop.model)
    for phase in phases:
        numbers = range(max(done, progress.epochs) + 1, done + phase.epochs + 1)
        done += phase.epochs
        if not numbers:
            continue
        applied = FrozenModel(loop.model, phase.plan)
        optimizer = loop.make_optimizer(applied)
        loop.callback.on_phase_start(applied, optimizer)
        if previous is not None:
            optimizers.carry_over(previous, optimizer)
        else:
            _begin(loop, phase.plan, optimizer, mirror)
        # A compiled graph ignores every later change of flags and hooks.
        step = loop.make_step(optimizer)
        for number in numbers:
            score = _epoch(loop, applied, step, progress, mirror)
            progress = Progress(number)
        applied.undo()
        previous = optimizer
    return score if previous is not None else loop.evaluate()


def _begin(loop: Loop, plan: Plan, optimizer: nn.Optimizer, mirror: HostCopy) -> None:
    """Record the state before the first step, or go on from where the run had come."""
    if loop.start is None:
        loop.callback.on_epoch_end(EpochResult(0, plan, mirror.fetch(), loop.evaluate()))
    else:
        loop.restore_optimizer(optimizer)


def _epoch(
    loop: Loop,
    applied: FrozenModel,
    step: Callable[..., Tensor],
    progress: Progress,
    mirror: HostCopy,
) -> Score:
    """Train what is left of an epoch, and record it."""
    applied.set_train()
    progress, speed = _steps(loop, step, progress)
    score = loop.evaluate()
    over = time.perf_counter()
    loop.callback.on_epoch_end(
        EpochResult(
            progress.epochs + 1,
            applied.plan,
            mirror.fetch(),
            score,
            steps=progress.steps,
            loss=progress.loss / max(progress.steps, 1),
            seconds=progress.seconds,
            images_per_second=speed,
        )
    )
    loop.callback.on_epoch_overhead(time.perf_counter() - over)
    return score


def _steps(loop: Loop, step: Callable[..., Tensor], progress: Progress) -> tuple[Progress, float]:
    """Take the steps that are left of an epoch; return where that leads, and samples a second."""
    number = progress.epochs + 1
    times: list[tuple[int, float]] = []
    taken: list[tuple[Tensor, int]] = []
    start = time.perf_counter()
    # The batches that were trained on are prepared once more: what is random in that goes on.
    for batch in islice(loop.batches(number), progress.steps, None):
        taken.append((step(*batch), loop.world_size * batch[-1].shape[0]))
        if len(taken) < loop.fetch_every and not loop.stop_reason():
            continue
        progress, start = _fetch(loop, taken, progress, start, times)
        if why := loop.stop_reason():
            loop.callback.on_interrupt(progress)
            raise Stopped(f"{why} in epoch {number}, after step {progress.steps}; all is saved")
    progress, _ = _fetch(loop, taken, progress, start, times)
    return progress, _speed(times)


def _fetch(
    loop: Loop,
    taken: list[tuple[Tensor, int]],
    progress: Progress,
    start: float,
    times: list[tuple[int, float]],
) -> tuple[Progress, float]:
    """Wait for the losses of steps, tell the watchers of each; return where that leads, and now."""
    losses = [float(loss.asnumpy()) for loss, _ in taken]
    now = time.perf_counter()
    for loss, (_, samples) in zip(losses, taken, strict=True):
        if not math.isfinite(loss):
            raise NotFinite(_not_finite(loss, progress.epochs + 1, progress.steps + 1))
        times.append((samples, (now - start) / len(taken)))
        progress = progress.after(loss, *times[-1])
        loop.callback.on_step_end(loss, times[-1][1], progress)
    if taken:
        loop.callback.on_weights_synced(progress)
    taken.clear()
    return progress, now


def _speed(times: Sequence[tuple[int, float]]) -> float:
    """Return samples a second, the first step left out if there are others."""
    warm = times[1:] or times
    return sum(samples for samples, _ in warm) / sum(seconds for _, seconds in warm) if warm else 0


def _not_finite(loss: float, epoch: int, step: int) -> str:
    return (
        f"expected a finite loss, received {loss} in epoch {epoch}, step {step}; the weights are "
        "as they were before that step. Likely: optimizer.lr too high, or input that is not finite"
    )

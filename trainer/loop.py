"""The training loop: phases, epochs, steps. What watches it, it does not know by name."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mindspore import amp, nn

from trainer import optimizer as optimizers
from trainer.apply import Applied
from trainer.data import Batch
from trainer.errors import NotFinite, Stopped
from trainer.evaluate import Score
from trainer.plan import Plan
from trainer.step import Step
from trainer.watcher import Epoch, Watcher
from trainer.weights import fetch


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
        loss: a cell of (output, label) that gives a scalar.
        optimizer: makes an optimizer over the trainable parameters.
        scaler: scales the loss for half precision; None for float32.
        batches: gives an epoch's training batches, by the epoch's number.
        evaluate: gives the score on the validation data.
        watcher: hears of every phase, step and epoch.
        stopped: tells, after each step, whether to end here.
    """

    net: nn.Cell
    loss: nn.Cell
    optimizer: Callable[[Applied], nn.Optimizer]
    scaler: amp.LossScaler | None
    batches: Callable[[int], Iterable[Batch]]
    evaluate: Callable[[], Score]
    watcher: Watcher
    stopped: Callable[[], bool] = lambda: False


def train(loop: Loop, phases: Sequence[Phase]) -> Score:
    """Train through the phases in turn; return the last score on the validation data.

    Raises:
        NotFinite: a loss was not finite; that step changed no weight.
        Stopped: ``loop.stopped`` said so; the epoch up to there has been recorded.
    """
    number, previous = 0, None
    for phase in phases:
        applied = Applied(loop.net, phase.plan)
        optimizer = loop.optimizer(applied)
        loop.watcher.phase(applied, optimizer)
        if previous is None:
            score = loop.evaluate()
            loop.watcher.epoch(Epoch(0, phase.plan, fetch(loop.net), score))
        else:
            optimizers.carry_over(previous, optimizer)
        # A compiled graph ignores every later change of flags and hooks.
        step = Step(loop.net, loop.loss, optimizer, loop.scaler)
        for _ in range(phase.epochs):
            number += 1
            score = _epoch(loop, applied, step, number)
        applied.undo()
        previous = optimizer
    return score


def _epoch(loop: Loop, applied: Applied, step: Step, number: int) -> Score:
    applied.set_train()
    losses: list[float] = []
    seconds: list[float] = []
    samples = 0
    start = time.perf_counter()
    for batch in loop.batches(number):
        loss = float(step(*batch).asnumpy())
        if not math.isfinite(loss):
            raise NotFinite(_not_finite(loss, number, len(losses) + 1))
        losses.append(loss)
        samples += batch[-1].shape[0]
        seconds.append(time.perf_counter() - start)
        start += seconds[-1]
        loop.watcher.step(loss, seconds[-1])
        if loop.stopped():
            break
    score = loop.evaluate()
    warm = seconds[1:] or seconds
    loop.watcher.epoch(
        Epoch(
            number,
            applied.plan,
            fetch(loop.net),
            score,
            steps=len(losses),
            loss=sum(losses) / len(losses),
            seconds=sum(seconds),
            images_per_second=samples / len(seconds) * len(warm) / sum(warm),
        )
    )
    if loop.stopped():
        raise Stopped(f"stopped in epoch {number}, after step {len(losses)}; all is saved")
    return score


def _not_finite(loss: float, epoch: int, step: int) -> str:
    return (
        f"expected a finite loss, received {loss} in epoch {epoch}, step {step}; the weights are "
        "as they were before that step. Likely: optimizer.lr too high, or input that is not finite"
    )

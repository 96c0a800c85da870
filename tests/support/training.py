"""Shared by tests: batches, plans, and a training loop over a few steps."""

from collections.abc import Callable, Iterable
from itertools import islice, pairwise
from typing import Any

import numpy as np
from mindspore import Tensor, nn, ops

from tests.support.phases import place_of, train_phases
from trainer.backend import execution_mode
from trainer.backend.batch_types import Batch
from trainer.backend.graph import module_tree, tracer
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.config import freeze_methods
from trainer.config.rules import Rule
from trainer.core.tensors import Weights
from trainer.engine import train_step as step
from trainer.engine.callback import Callback, CallbackList, EpochResult
from trainer.engine.loop_spec import EpochBatches, Loop
from trainer.engine.optimizer_step import SingleBatchStep
from trainer.engine.progress import Progress
from trainer.engine.train_step import TrainStep
from trainer.freezing import plan
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score

LOSS = nn.CrossEntropyLoss()
_random = np.random.default_rng(0)
_labels = Tensor(np.array([0, 1, 2, 1], np.int32))
IMAGES: Batch = (Tensor(_random.normal(size=(4, 1, 6, 6)).astype(np.float32)), _labels)
ROWS: Batch = (Tensor(_random.normal(size=(4, 4)).astype(np.float32)), _labels)


class Recorder(Callback):
    """Records everything that a loop passes to callbacks."""

    def __init__(self) -> None:
        self.optimizers: list[nn.Optimizer] = []
        self.epochs: list[EpochResult] = []
        self.losses: list[float] = []

    @property
    def moved(self) -> list[set[str]]:
        """The names of the weights that each epoch changed."""
        weights = [epoch.weights for epoch in self.epochs]
        return [changed(*pair) for pair in pairwise(weights)]

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        self.optimizers.append(optimizer)

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        self.losses.append(loss)

    def on_epoch_end(self, epoch: EpochResult) -> None:
        self.epochs.append(epoch)


class Moments(Recorder):
    """Records the optimizer's state at the start and the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[Weights] = []

    def batches(self, epoch: int) -> list[Batch]:
        self._record()
        return [IMAGES] * 3

    def on_epoch_end(self, epoch: EpochResult) -> None:
        super().on_epoch_end(epoch)
        if epoch.number:
            self._record()

    def _record(self) -> None:
        state = optimizer_state(self.optimizers[-1])
        self.states.append({name: p.asnumpy().copy() for name, p in state.items()})


def rule(*patterns: str, method: str = "stop_gradient", norm: str = "eval") -> Rule:
    return Rule(patterns, method, freeze_methods.cuts(method), norm)


def plan_of(net: nn.Cell, *rules: Rule, batch: Batch = IMAGES) -> Plan:
    """Return the plan of rules, with what is upstream of their cuts frozen too."""
    tree = module_tree.describe(net)
    resolved = plan.resolve(rules, tree)
    if not resolved.cuts:
        return resolved
    graph = tracer.trace(net, [(LOSS, batch)], resolved.cuts)
    upstream = unreachable_parameters(graph, resolved.cuts, resolved.cut_methods)
    return plan.resolve(rules, tree, upstream)


def momentum(applied: FrozenModel) -> nn.Optimizer:
    return nn.Momentum(applied.trainable, 0.1, 0.9, weight_decay=0.1)


def train(
    net: nn.Cell,
    *plans: Plan,
    optimizer: Callable[[FrozenModel], nn.Optimizer] = momentum,
    batches: Callable[[int], Iterable[Batch]] = lambda epoch: [IMAGES] * 3,
    callback: Callback | None = None,
    stopped: Callable[[], bool] = lambda: False,
    fetch_every: int = 1,
    steps: int = 3,
) -> Recorder:
    """Train one epoch under each plan, without evaluation; return the recorder.

    Args:
        steps: number of steps of an epoch, which is that of its batches.
    """
    recorder = Recorder()
    callbacks = CallbackList(recorder, callback or Callback())
    training_loop = Loop(
        net,
        optimizer,
        lambda made: SingleBatchStep(
            execution_mode.executable(
                TrainStep(net, LOSS, made, diverged=step.stop_flag(fetch_every))
            )
        ),
        from_start(batches),
        _no_score,
        callbacks,
        *place_of(plans, steps),
        lambda: "stopped" if stopped() else "",
        fetch_every=fetch_every,
    )
    train_phases(training_loop)
    return recorder


def from_start(batches: Callable[[int], Iterable[Batch]]) -> EpochBatches:
    """Return what a loop calls for the batches of an epoch."""

    def remaining(epoch: int, start: int = 0) -> Iterable[Batch]:
        return islice(batches(epoch), start, None)

    return remaining


def _no_score() -> Score:
    return Score(0.0, None, 1)


def changed(before: Weights, after: Weights) -> set[str]:
    """Return the names of the weights that are not equal bit for bit."""
    return {name for name in after if before[name].tobytes() != after[name].tobytes()}


def cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    return ops.stop_gradient(output)


def clear_flags(*cells: nn.Cell) -> None:
    for cell in cells:
        for parameter in cell.get_parameters():
            parameter.requires_grad = False


def plain_step(net: nn.Cell, optimizer: nn.Optimizer) -> nn.Cell:
    step = nn.TrainOneStepCell(nn.WithLossCell(net, LOSS), optimizer)
    return step.set_train()


def moved_in_three_steps(net: nn.Cell, step: nn.Cell) -> set[str]:
    """Take three steps as in MindSpore's manual; return the names of the weights that moved."""
    before, run = to_numpy(net), execution_mode.executable(step)
    for _ in range(3):
        run(*IMAGES)
    return changed(before, to_numpy(net))

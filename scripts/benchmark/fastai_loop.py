"""fastai with its own method of freezing: `Learner.freeze`, by parameter groups."""

from functools import partial
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.optimizer import SGD
from torch import nn

from scripts.benchmark import pytorch_loops, pytorch_nets
from scripts.benchmark.case import DECAY, MOMENTUM, RATE, Case
from scripts.benchmark.clock import Clock


class _Ticks(Callback):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def before_train(self) -> None:
        self._clock.epoch()

    def after_batch(self) -> None:
        self._clock.step(float(self.learn.loss))


def train(case: Case, folder: Path, clock: Clock) -> int:
    """Train; return the number of parameters."""
    net = pytorch_nets.make(case.task.net)

    def split(net: nn.Module) -> list[list[nn.Parameter]]:
        frozen = [p for part in pytorch_loops.parts(case, net) for p in part.parameters()]
        frozen_ids = {id(parameter) for parameter in frozen}
        return [frozen, [p for p in net.parameters() if id(p) not in frozen_ids]]

    learner = Learner(
        DataLoaders(pytorch_loops.batches(case, folder), [], device=torch.device("cpu")),
        net,
        nn.CrossEntropyLoss(),
        partial(SGD, mom=MOMENTUM, wd=DECAY),
        RATE,
        split if case.frozen else lambda net: list(net.parameters()),
        cbs=[_Ticks(clock)],
    )
    if case.frozen:
        learner.freeze()
    learner.fit(case.epochs)
    return pytorch_loops.count(net)

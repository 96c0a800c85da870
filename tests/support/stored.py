"""Nets trained with and without stored features, to compare their bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from numpy.typing import NDArray

from tests.support.nets import TwoConvs
from tests.support.training import LOSS, momentum
from trainer.backend import device, dropout
from trainer.backend.batch_types import Columns
from trainer.backend.host_copy import from_numpy, to_numpy
from trainer.core.tensors import Weights
from trainer.engine.train_step import TrainStep
from trainer.feature_cache import cacheable, feature_columns
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.features import Features
from trainer.feature_cache.store import FeatureStore
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan

device.load_numpy_interface()

SIZE = 6


class Stage(nn.Cell):
    """Two residual blocks of convolutions that add in place, as MindCV's do; [N, 4, 6, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(4, 4, 3) for _ in range(2))
        self.bn1, self.bn2 = (nn.BatchNorm2d(4) for _ in range(2))
        self.relu = nn.ReLU()

    def construct(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class Stages(nn.Cell):
    """A residual net; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3)
        self.stages = nn.SequentialCell(Stage(), Stage())
        self.drop = nn.Dropout(p=0.5)
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.stages(self.stem(x)).mean((2, 3))))


class TwoEyes(nn.Cell):
    """Two branches that see the same picture; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = (nn.SequentialCell(nn.Conv2d(1, 2, 3), nn.ReLU()) for _ in "lr")
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        both = ops.cat((self.left(x), self.right(x)), 1)
        return self.head(self.norm(both).mean((2, 3)))


class Pair(nn.Cell):
    """Two outputs of one cell; [N, 1, 6, 6] to twice [N, 2, 6, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = (nn.Conv2d(1, 2, 3) for _ in range(2))

    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(x), self.other(x)


class Paired(nn.Cell):
    """Such a cell, to one output of which the other is added in place; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.head = nn.Dense(2, 3)

    def construct(self, x: Tensor) -> Tensor:
        one, other = self.pair(x)
        one += other
        return self.head(one.mean((2, 3)))


class Rounding(TwoConvs):
    """Rounds each row by its place in the batch; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.SequentialCell(Placed(), self.fc)
        self.head = nn.Dense(3, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.fc(self.flatten(self.conv2(self.conv1(x)))))


class Placed(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        places = ops.arange(x.shape[0]).astype(x.dtype).reshape(-1, 1)
        return x * (1 + 1e-6 * places)


@dataclass(frozen=True)
class Trained:
    """What a training has come to."""

    losses: list[float]
    weights: Weights


def batches(smaller: bool = False) -> list[list[NDArray[Any]]]:
    """Batches of [6, 1, 6, 6]; the last has four samples only, if one is to be smaller."""
    random = np.random.default_rng(3)
    images = [random.normal(size=(SIZE, 1, 6, 6)).astype(np.float32) for _ in range(3)]
    labels = [random.integers(0, 3, SIZE).astype(np.int32) for _ in range(3)]
    made: list[list[NDArray[Any]]] = [[*pair] for pair in zip(images, labels, strict=True)]
    return [*made[:-1], [column[: 4 if smaller else SIZE] for column in made[-1]]]


def trial(net: nn.Cell, plan: Plan, batch: Columns | None = None) -> CacheProbe:
    """A net to be looked at with two samples."""
    batch = batches()[0] if batch is None else batch
    few, whole = [Tensor(column[:2]) for column in batch], [Tensor(column) for column in batch]
    return CacheProbe(net, plan, LOSS, few, lambda: dropout.reset_count(_masks(net)), whole)


def store_of(
    found: Cacheable, folder: Path, dtype: str = "float32", memory: float = 1e9
) -> FeatureStore:
    return FeatureStore(folder / "key", feature_columns.column_specs(found, dtype), memory, 1e9)


def whole(net: nn.Cell, plan: Plan, data: Sequence[Columns], epochs: int = 3) -> Trained:
    """Train on the inputs; the net gets its weights back."""
    tensors = [[Tensor(column) for column in batch] for batch in data]
    return _train(net, plan, lambda made: TrainStep(net, LOSS, made), [tensors] * epochs)


def stored(
    net: nn.Cell, plan: Plan, made: Features, data: Sequence[Columns], epochs: int = 3
) -> Trained:
    """Train on stored features; the net gets its weights back."""

    def step(optimizer: nn.Optimizer):  # type: ignore[no-untyped-def]
        return made.make_step(lambda tail: TrainStep(tail, LOSS, optimizer))

    found = ([[Tensor(c) for c in b] for b in made.batches(data)] for _ in range(epochs))
    return _train(net, plan, step, found)


def _train(net, plan, make, epochs) -> Trained:  # type: ignore[no-untyped-def]
    before = to_numpy(net)
    applied = FrozenModel(net, plan)
    dropout.reset_count(_masks(net))
    step = make(momentum(applied))
    losses = []
    for epoch in epochs:
        applied.set_train()
        losses += [float(step(*batch).asnumpy()) for batch in epoch]
    after = to_numpy(net)
    applied.undo()
    from_numpy(net, before)
    return Trained(losses, after)


def _masks(net: nn.Cell) -> Parameter | None:
    """Make a net's dropout repeatable; give the count of its masks, always the same one."""
    if not hasattr(net, "masks"):
        vars(net)["masks"] = [dropout.make_repeatable(net, 0)]
    count: Parameter | None = net.masks[0]
    return count


def examined(net: nn.Cell, plan: Plan) -> Cacheable:
    return cacheable.find_cacheable(trial(net, plan))

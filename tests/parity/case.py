"""What both sides of the parity tests are given, and what they give back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.tensors import Weights

LR, MOMENTUM, WEIGHT_DECAY = 0.02, 0.9, 0.01

Batch = tuple[NDArray[np.float32], NDArray[np.int32]]
"""Images and labels."""


@dataclass(frozen=True)
class Case:
    """A net with a part of it frozen.

    Attributes:
        net: `lenet5` or `residual`.
        label: what is frozen, in words.
        freeze: names of the modules to freeze; with stop_gradient, to cut behind each.
        method: `requires_grad` or `stop_gradient`.
        upstream: names of further modules that those cuts put out of the gradient's reach.
        optimizer: MindSpore's name for SGD with momentum; it has two.
    """

    net: str
    label: str
    freeze: tuple[str, ...] = ()
    method: str = "requires_grad"
    upstream: tuple[str, ...] = ()
    optimizer: str = "Momentum"

    def __str__(self) -> str:
        return "-".join([self.net, self.label.replace(" ", "_"), self.method, self.optimizer])

    @property
    def still(self) -> tuple[str, ...]:
        """Names of all modules that are to stay still."""
        return self.freeze + self.upstream

    def select(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the names that lie beneath a module that is to stay still."""
        beneath = tuple(f"{module}." for module in self.still)
        return frozenset(name for name in names if name.startswith(beneath))


@dataclass(frozen=True)
class End:
    """Where a training ended.

    Attributes:
        weights: by MindSpore's names, statistics included.
        losses: one a step.
        frozen: names of the weights that were to stay still.
    """

    weights: Weights
    losses: list[float]
    frozen: frozenset[str]


def relative(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Largest difference, relative to the largest value."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    return float(np.abs(first - second).max() / np.abs(second).max())

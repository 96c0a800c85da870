"""Gradient clipping: by the norm of all gradients together, or value by value, as PyTorch does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

_EPS = 1e-6  # PyTorch's
_ROW = 512  # values: the kernel that sums rows of this length uses all cores


@dataclass(frozen=True)
class Clip:
    """How gradients are clipped.

    Attributes:
        by: ``norm``, of all gradients as one vector; or ``value``.
        limit: the largest norm, or the largest absolute value.
    """

    by: Literal["norm", "value"]
    limit: float


class GlobalNorm(nn.Cell):
    """The norm of several tensors as one vector, like PyTorch's ``clip_grad_norm_``.

    ``ops.square(g).sum()`` takes 84 ms for the gradients of ResNet-18 on two cores; the squares of
    all as rows times a column of ones take 8.

    Args:
        parameters: tensors of the shapes to come.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        sizes = [int(parameter.size) for parameter in parameters]
        self.rows = tuple(size // _ROW for size in sizes)
        self.ones = Tensor(np.ones((_ROW, 1), np.float32))
        self.has_rows = any(self.rows)

    def construct(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the norm as a float32 scalar."""
        sums, rest = [], []
        for tensor, rows in zip(tensors, self.rows):  # noqa: B905 (not in a graph)
            flat = tensor.reshape(-1).astype(ms.float32)
            if rows:
                whole = flat[: rows * _ROW].reshape(rows, _ROW)
                sums.append(ops.matmul(whole * whole, self.ones).reshape(-1))
            if rows * _ROW < tensor.size:
                rest.append(flat[rows * _ROW :])
        if rest:
            joined = ops.concat(rest)
            sums.append(joined * joined)
        return ops.sqrt(ops.concat(sums).sum())


def clip_factor(norm: Tensor, limit: float) -> Tensor:
    """Return the factor that gradients of this norm are multiplied by; 1 if it is small enough."""
    return ops.minimum(limit / (norm + _EPS), Tensor(1.0, ms.float32))


def clip_value(gradient: Tensor, limit: float) -> Tensor:
    """Return a gradient with each value within the limit."""
    return ops.clamp(gradient, -limit, limit)

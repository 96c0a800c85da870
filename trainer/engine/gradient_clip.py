"""Gradient clipping: by the norm of all gradients together, or value by value, as PyTorch does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

_EPS = 1e-6  # PyTorch's
_ROW = 512  # values: the kernel that sums rows of this length uses all cores
_LARGE = 2048  # values of a tensor that is summed by itself; smaller ones are summed together


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

    The squares are summed as rows times a column of ones, because ``ops.square(g).sum()`` takes
    many times as long on CPU, and slices of a tensor take longer still.

    Args:
        parameters: tensors of the shapes to come.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        sizes = [int(parameter.size) for parameter in parameters]
        self.rows = tuple(_row_length(size) if size >= _LARGE else 0 for size in sizes)
        self.ones = {row: Tensor(np.ones((row, 1), np.float32)) for row in set(self.rows) if row}

    def construct(self, tensors: Sequence[Tensor], factor: Tensor | None = None) -> Tensor:
        """Return the norm as a float32 scalar.

        Args:
            tensors: of the shapes of the parameters.
            factor: by which each value is multiplied before it is squared, because the squares of
                scaled gradients may overflow; None: 1.
        """
        sums, small = [], []
        for tensor, row in zip(tensors, self.rows):  # noqa: B905 (not in a graph)
            values = tensor.astype(ms.float32)
            if factor is not None:
                values = values * factor
            if row:
                squares = (values * values).reshape(-1, row)
                sums.append(ops.matmul(squares, self.ones[row]).reshape(-1))
            else:
                small.append(values.reshape(-1))
        if small:
            joined = ops.concat(small)
            sums.append(joined * joined)
        return ops.sqrt(ops.concat(sums).sum())


def _row_length(size: int) -> int:
    """Return the largest divisor of a size that is at most ``_ROW``."""
    return next(row for row in range(_ROW, 0, -1) if size % row == 0)


def clip_factor(norm: Tensor, limit: float) -> Tensor:
    """Return the factor that gradients of this norm are multiplied by; 1 if it is small enough."""
    return ops.minimum(limit / (norm + _EPS), Tensor(1.0, ms.float32))


def clip_value(gradient: Tensor, limit: float) -> Tensor:
    """Return a gradient with each value within the limit."""
    return ops.clamp(gradient, -limit, limit)

"""Dropout: masks that depend only on seed, cell, count and position, so that a run can resume.

A dropout kernel keeps its random state inside the compiled graph, where it can be neither saved nor
set. Here a mask is a hash of what it depends on, and the number of masks drawn is a parameter.
"""

import zlib
from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

# From https://github.com/skeeto/hash-prospector, where its bias is measured.
_FACTORS = Tensor(0x21F0AAAD, ms.uint32), Tensor(0x735A2D97, ms.uint32)
_MARK = "draws_repeatable_masks"
_ONE = Tensor(1, ms.uint32)
_SHIFTS = Tensor(16, ms.uint32), Tensor(15, ms.uint32), Tensor(15, ms.uint32)


def make_repeatable(model: nn.Cell, seed: int, rank: int = 0) -> Parameter | None:
    """Make the dropout of a model repeatable; return the count of masks, which each call increases.

    It costs several times what a dropout kernel does: about 15 ns per value instead of 4 on a CPU
    core.

    Args:
        model: its ``nn.Dropout`` cells get another class. A hook would work in PyNative mode, but
            GRAPH_MODE ignores the hooks of cells in a ``SequentialCell``.
        seed: masks differ from one seed to another.
        rank: this process's share of each batch, from 0. Positions are counted in the whole batch,
            so the masks are those of a single process, where the batch is the first axis.

    Returns:
        A uint32 scalar; None if the model has no dropout.
    """
    count = Parameter(Tensor(0, ms.uint32), name="trainer.dropout.count", requires_grad=False)
    has_dropout = False
    for name, cell in model.cells_and_names():
        if isinstance(cell, nn.Dropout) and type(cell).construct is nn.Dropout.construct:
            rate = 1 - cell.keep_prob if cell.p is None else cell.p
            if rate:
                salt = Tensor(zlib.crc32(f"{seed} {name}".encode()), ms.uint32)
                cell.__class__ = _repeatable_class(type(cell), rate, count, salt, rank)
                has_dropout = True
    return count if has_dropout else None


def _repeatable_class(
    base: type[nn.Dropout], rate: float, count: Parameter, salt: Tensor, rank: int
) -> type[nn.Dropout]:
    """Return the class that sets ``rate`` of its input to 0 and scales up the rest."""
    threshold = Tensor(min(round((1 - rate) * 2**32), 2**32 - 1), ms.uint32)
    scale = 1 / (1 - rate)

    def construct(self: Any, x: Tensor) -> Tensor:
        if not self.training:
            return x
        number = ops.assign_add(count, _ONE)
        positions = ops.arange(rank * x.size, (rank + 1) * x.size).astype(ms.uint32)
        mask = _hash(positions + _hash(number + salt)) < threshold
        return x * (mask.astype(x.dtype) * scale).reshape(x.shape)

    return type(base.__name__, (base,), {"construct": construct, _MARK: True})


def is_repeatable(cell: nn.Cell) -> bool:
    """Tell whether a cell draws masks that ``make_repeatable`` has made repeatable."""
    return getattr(cell, _MARK, False)


def reset_count(count: Parameter | None) -> None:
    """Start again with the first mask."""
    if count is not None:
        ops.assign(count, Tensor(0, ms.uint32))


def _hash(number: Tensor) -> Tensor:
    number = _fold(number, _SHIFTS[0]) * _FACTORS[0]
    number = _fold(number, _SHIFTS[1]) * _FACTORS[1]
    return _fold(number, _SHIFTS[2])


def _fold(number: Tensor, shift: Tensor) -> Tensor:
    return ops.bitwise_xor(number, ops.bitwise_right_shift(number, shift))

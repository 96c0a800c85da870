"""Dropout: masks that depend on seed, cell, count and position alone, so that a run can go on.

A dropout kernel keeps its random state inside the compiled graph, where it can be neither saved nor
set. Here a mask is a hash of what it depends on, and the count of masks drawn is a parameter.
"""

import zlib
from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

# From https://github.com/skeeto/hash-prospector, where its bias is measured.
_FACTORS = Tensor(0x21F0AAAD, ms.uint32), Tensor(0x735A2D97, ms.uint32)
_ONE = Tensor(1, ms.uint32)
_SHIFTS = Tensor(16, ms.uint32), Tensor(15, ms.uint32), Tensor(15, ms.uint32)


def make_repeatable(net: nn.Cell, seed: int, rank: int = 0) -> Parameter | None:
    """Make the dropout of a net repeatable; return the count of masks, to which each call adds.

    Costs several times what a dropout kernel does: some 15 ns a value, against 4, on a CPU core.

    Args:
        net: its ``nn.Dropout`` cells get a class of their own. A hook would do in PyNative mode,
            but GRAPH_MODE ignores those of cells in a ``SequentialCell``.
        seed: masks differ from one seed to another.
        rank: which share of each batch this process has, from 0. Positions are counted in the whole
            batch, so that masks are those of one process, where the batch is the first axis.

    Returns:
        A uint32 scalar; None if nothing in the net drops.
    """
    count = Parameter(Tensor(0, ms.uint32), name="trainer.dropout.count", requires_grad=False)
    found = False
    for name, cell in net.cells_and_names():
        if isinstance(cell, nn.Dropout) and type(cell).construct is nn.Dropout.construct:
            share = 1 - cell.keep_prob if cell.p is None else cell.p
            if share:
                salt = Tensor(zlib.crc32(f"{seed} {name}".encode()), ms.uint32)
                cell.__class__ = _dropping(type(cell), share, count, salt, rank)
                found = True
    return count if found else None


def _dropping(
    kind: type[nn.Dropout], share: float, count: Parameter, salt: Tensor, rank: int
) -> type[nn.Dropout]:
    """Return the class that sets ``share`` of its input to 0 and scales up the rest."""
    kept = Tensor(min(round((1 - share) * 2**32), 2**32 - 1), ms.uint32)
    scale = 1 / (1 - share)

    def construct(self: Any, x: Tensor) -> Tensor:
        if not self.training:
            return x
        number = ops.assign_add(count, _ONE)
        places = ops.arange(rank * x.size, (rank + 1) * x.size).astype(ms.uint32)
        mask = _hash(places + _hash(number + salt)) < kept
        return x * (mask.astype(x.dtype) * scale).reshape(x.shape)

    return type(kind.__name__, (kind,), {"construct": construct})


def reset_count(count: Parameter | None) -> None:
    """Draw again from the first mask on."""
    if count is not None:
        ops.assign(count, Tensor(0, ms.uint32))


def _hash(number: Tensor) -> Tensor:
    number = _fold(number, _SHIFTS[0]) * _FACTORS[0]
    number = _fold(number, _SHIFTS[1]) * _FACTORS[1]
    return _fold(number, _SHIFTS[2])


def _fold(number: Tensor, shift: Tensor) -> Tensor:
    return ops.bitwise_xor(number, ops.bitwise_right_shift(number, shift))

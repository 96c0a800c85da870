"""Cut the graph behind the selected cells: they and everything upstream of them are frozen.

A cell is cut by giving it a class whose ``construct`` stops the gradient of what its own returns.
A forward hook would do in PyNative mode, but GRAPH_MODE ignores, without an error, the hooks of
cells in a ``SequentialCell``, ``CellList`` or ``CellDict``: it only looks for them where a cell is
an attribute of another (MindSpore 2.10).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from mindspore import Parameter, nn, ops

from trainer.methods import requires_grad

CUTS = True


def apply(cells: Sequence[nn.Cell], parameters: Sequence[Parameter]) -> Callable[[], None]:
    """Cut behind each cell; return what gives the cells their classes back.

    The parameters' flags are cleared too: without that ``trainable_params()`` still lists them, and
    the backward pass is a little slower.
    """
    with ExitStack() as undo:
        undo.callback(requires_grad.apply(cells, parameters))
        for cell in cells:
            undo.callback(setattr, cell, "__class__", type(cell))
            cell.__class__ = _cut(type(cell))
        return undo.pop_all().close


def _cut(kind: type[nn.Cell]) -> type[nn.Cell]:
    """Return a class of cells like those of ``kind``, but that the gradient stops behind them.

    ``super()`` within a graph is that of the cell's very class, wherever it is written. The class
    in between leads it past the construct of ``kind``, which would call itself for ever.
    """
    name = f"Cut{kind.__name__}"
    passed = type(name, (kind,), {"construct": super(kind, kind).construct})
    return type(name, (passed,), {"construct": _construct, "_uncut": kind.construct})


# Compiled into the graph, so it is plain: `ops.stop_gradient` takes a tensor or a tuple of them.
def _construct(self: Any, *args: Any, **kwargs: Any) -> Any:
    return ops.stop_gradient(self._uncut(*args, **kwargs))

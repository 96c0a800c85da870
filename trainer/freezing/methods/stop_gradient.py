"""Cut the graph behind the selected cells: they and everything upstream of them are frozen.

A cell is cut by giving it a class whose ``construct`` stops the gradient of the original output.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from mindspore import Parameter, nn, ops

from trainer.backend.cell_patch import subclass_with_construct
from trainer.freezing.methods import requires_grad


def apply(cells: Sequence[nn.Cell], parameters: Sequence[Parameter]) -> Callable[[], None]:
    """Cut behind each cell; return a function that restores the cells' classes.

    The parameters' flags are cleared too: without that ``trainable_params()`` still lists them, and
    the backward pass is a little slower.
    """
    with ExitStack() as undo:
        undo.callback(requires_grad.apply(cells, parameters))
        for cell in cells:
            undo.callback(setattr, cell, "__class__", type(cell))
            cell.__class__ = subclass_with_construct(type(cell), "Cut", _construct, "_uncut")
        return undo.pop_all().close


# Compiled into the graph, so it is simple: `ops.stop_gradient` takes a tensor or a tuple of them.
def _construct(self: Any, *args: Any, **kwargs: Any) -> Any:
    return ops.stop_gradient(self._uncut(*args, **kwargs))

"""Cut the graph behind the selected cells: they and everything upstream of them are frozen."""

from collections.abc import Callable, Sequence
from typing import Any

from mindspore import Parameter, nn, ops

from trainer.methods import requires_grad

CUTS = True


def apply(cells: Sequence[nn.Cell], parameters: Sequence[Parameter]) -> Callable[[], None]:
    """Hook a cut behind each cell; return what takes the hooks away.

    The parameters' flags are cleared too: without that ``trainable_params()`` still lists them, and
    the backward pass is a little slower.
    """
    handles = [cell.register_forward_hook(_cut) for cell in cells]
    restore = requires_grad.apply(cells, parameters)

    def undo() -> None:
        for handle in handles:
            handle.remove()
        restore()

    return undo


# Compiled into the graph, so it is plain: `ops.stop_gradient` takes a tensor or a tuple of them.
def _cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    return ops.stop_gradient(output)

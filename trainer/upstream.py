"""Upstream: what the cuts put out of the gradient's reach."""

from collections.abc import Sequence

from mindspore import Tensor, nn

from trainer import layout, lineage
from trainer.errors import Mistake


def upstream(
    net: nn.Cell,
    loss: nn.Cell,
    batch: Sequence[Tensor],
    cuts: Sequence[str],
    method: str | Sequence[str],
) -> frozenset[str]:
    """Return the names of parameters and of parameterless cells that the cuts put out of reach.

    Args:
        net: the net, as it will be trained; it is left as it was.
        loss: a cell of (output, label).
        batch: inputs and, last, the label; a few samples are enough.
        cuts: names of the cells to cut behind.
        method: the method that cuts them, or one for each.

    Raises:
        Mistake: a cell is never called, so that nothing can be cut behind it.
    """
    bare = _bare(net)
    found = lineage.trace(net, loss, batch, {*bare, *cuts})
    by = dict.fromkeys(cuts, method) if isinstance(method, str) else zip(cuts, method, strict=True)
    if idle := [pair for pair in dict(by).items() if pair[0] not in found.outputs]:
        raise Mistake([_never_called(*pair) for pair in idle])
    named = {*bare, *found.parameters}
    return named & (found.reached() - found.reached(cuts))


def reached(net: nn.Cell, loss: nn.Cell, batch: Sequence[Tensor]) -> frozenset[str]:
    """Return the names of the parameters that the loss's gradient reaches."""
    return lineage.trace(net, loss, batch).reached()


def _bare(net: nn.Cell) -> set[str]:
    """Return the names of the innermost cells without weights, such as dropout."""
    return {
        name
        for name, cell in net.cells_and_names()
        if name and not cell.cells()
        if all(layout.is_statistic(own) for own, _ in cell.parameters_and_names())
    }


def _never_called(name: str, method: str) -> str:
    return (
        f"freeze: expected cells that the net calls, received {name!r}, which it never does, so "
        f"{method} has no output to cut; name a cell above it, or use method=requires_grad"
    )

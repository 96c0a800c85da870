"""Reachability: what cuts put out of the gradient's reach. Pure Python."""

from collections.abc import Collection, Sequence

from trainer.backend.graph.autograd_graph import AutogradGraph
from trainer.core.errors import ConfigError


def unreachable_parameters(
    graph: AutogradGraph, cuts: Sequence[str], methods: Sequence[str]
) -> frozenset[str]:
    """Return the names of the parameters and of the bare cells that the cuts put out of reach.

    Args:
        graph: of the loss, in which the cells to cut behind were recorded.
        cuts: names of the cells to cut behind.
        methods: the method that cuts behind each.

    Raises:
        ConfigError: a cell is never called, so that nothing can be cut behind it, and yet the
            gradient reaches a weight of it.
    """
    reached = graph.reachable_names(cuts)
    uncalled = {cut for cut in cuts if cut not in graph.outputs and _any_beneath(cut, reached)}
    if uncalled:
        pairs = zip(cuts, methods, strict=True)
        raise ConfigError([_never_called(*pair) for pair in pairs if pair[0] in uncalled])
    return graph.reachable_names() - reached


def _any_beneath(cell: str, names: Collection[str]) -> bool:
    return any(name.startswith(f"{cell}.") for name in names)


def _never_called(name: str, method: str) -> str:
    return (
        f"freeze: expected cells that the model calls, received {name!r}, which it never calls, so "
        f"{method} has no output to cut; name a cell above it, or use method=requires_grad"
    )

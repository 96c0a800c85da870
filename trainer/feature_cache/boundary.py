"""The boundary between the constant part of a model and the part that trains."""

from collections.abc import Collection, Set
from dataclasses import dataclass

from trainer.backend.graph import flops
from trainer.backend.graph.autograd_graph import AutogradGraph


@dataclass(frozen=True)
class Boundary:
    """The cells of a model whose outputs are stored, and those that are skipped in consequence.

    Attributes:
        stored: cells whose outputs are stored, and replayed instead of being computed.
        skipped: cells that need not be computed, as they reach the loss only through stored cells.
        macs: multiply-adds of convolutions and matrix products that this saves, for the samples
            that the autograd graph was recorded with.
        computed: cells that are computed from the stored outputs, with those that contain them.
        behind: those of them that need not run when the outputs to be stored are computed.
    """

    stored: tuple[str, ...]
    skipped: tuple[str, ...]
    macs: int
    computed: frozenset[str] = frozenset()
    behind: tuple[str, ...] = ()


def find_boundary(
    graph: AutogradGraph,
    trained: Collection[str],
    constant: Collection[str],
    cacheable: Collection[str],
    replaceable: Collection[str],
) -> Boundary:
    """Return the boundary that lies nearest to the loss.

    Args:
        graph: autograd graph of the loss, with the outputs of all cells.
        trained: names of the parameters that are not frozen.
        constant: names of the cells whose output did not depend on the values of those.
        cacheable: the constant cells whose output can be stored: called once, a row per sample.
        replaceable: the cells whose output can be replaced by zeros.
    """
    fed = flops.dependents(graph, trained, set(graph.nodes))
    constant = {name for name in constant if fed.isdisjoint(graph.outputs.get(name, ()))}
    ends = {node: name for name in constant & {*cacheable} for node in graph.outputs.get(name, ())}
    seen, stored = _walk(graph, ends)
    computed = {name for name, nodes in graph.outputs.items() if not seen.isdisjoint(nodes)}
    skipped = _outermost_unused(graph, constant & {*replaceable}, computed | stored)
    upstream = _upstream(graph, stored)
    behind = _outermost_unused(graph, computed & {*replaceable}, upstream | stored)
    order = tuple(name for name in graph.outputs if name in stored)
    macs = flops.forward(graph, set(graph.nodes) - seen)
    return Boundary(order, tuple(skipped), macs, frozenset(computed), tuple(behind))


def _walk(graph: AutogradGraph, ends: dict[int, str]) -> tuple[set[int], set[str]]:
    """Return the nodes from the loss back to the stored cells, and the stored cells it meets."""
    seen, stored = set[int](), set[str]()
    pending = [] if graph.loss is None else [graph.loss]
    while pending:
        node = pending.pop()
        if node in ends:
            stored.add(ends[node])
        elif node not in seen:
            seen.add(node)
            pending += graph.nodes[node].inputs
    return seen, stored


def _upstream(graph: AutogradGraph, stored: Set[str]) -> set[str]:
    """Return the cells from whose outputs those of the stored cells are computed."""
    seen, pending = set[int](), [node for name in stored for node in graph.outputs[name]]
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            pending += graph.nodes[node].inputs if node in graph.nodes else ()
    return {name for name, nodes in graph.outputs.items() if not seen.isdisjoint(nodes)}


def _outermost_unused(graph: AutogradGraph, candidates: Set[str], needed: Set[str]) -> list[str]:
    """Return the candidates that nothing needed lies in or contains, without their submodules."""
    unused = [
        name
        for name in graph.outputs
        if name in candidates and not any(_are_nested(name, other) for other in needed)
    ]
    return [name for name in unused if not any(name.startswith(f"{o}.") for o in unused)]


def _are_nested(name: str, other: str) -> bool:
    """Return whether two cells are the same one, or one of them contains the other."""
    return name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")

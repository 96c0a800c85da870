"""Lineage: what a loss is made from, operator by operator, and how far its gradient goes. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """One operator's output, or a leaf.

    Attributes:
        kind: the operator's name, as in ``Conv2D``; the parameter's or input's for a leaf.
        shape: of the output; of the first, if there are several.
        inputs: the nodes that a gradient goes on to.
    """

    kind: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class AutogradGraph:
    """All that a loss is made from.

    Attributes:
        loss: its node; None if it has no gradient at all.
        nodes: what it is made from, itself included.
        parameters: the node of each parameter that was used, by its name in the net.
        outputs: nodes of the outputs of cells that were noted when they were called, by name.
        bare: those of the noted cells that are innermost and have no weights.
        inputs: shapes that the net was run on.
    """

    loss: int | None
    nodes: Mapping[int, Node]
    parameters: Mapping[str, int]
    outputs: Mapping[str, Collection[int]]
    bare: frozenset[str]
    inputs: tuple[tuple[int, ...], ...]

    def reachable_nodes(self, cuts: Collection[str] = ()) -> set[int]:
        """Return the nodes that the loss's gradient reaches if it stops behind some cells."""
        closed = {node for name in cuts for node in self.outputs.get(name, ())}
        found = set[int]()
        left = [] if self.loss is None else [self.loss]
        while left:
            at = left.pop()
            if at not in found and at not in closed:
                found.add(at)
                left += self.nodes[at].inputs
        return found

    def reachable_names(self, cuts: Collection[str] = ()) -> frozenset[str]:
        """Return the names of the parameters and of the bare cells that it reaches then."""
        nodes = self.reachable_nodes(cuts)
        parameters = {name for name, node in self.parameters.items() if node in nodes}
        cells = {name for name in self.bare if not nodes.isdisjoint(self.outputs.get(name, ()))}
        return frozenset(parameters | cells)

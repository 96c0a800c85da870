"""Autograd graph: what a loss is made from, operator by operator, and how far its gradient goes.

Pure Python.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """One operator's output, or a leaf.

    Attributes:
        kind: the operator's name, as in ``Conv2D``; for a leaf, that of the parameter or input.
        shape: the shape of the output; of the first, if there are several.
        inputs: the nodes to which a gradient goes on.
    """

    kind: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class AutogradGraph:
    """Everything that a loss is made from.

    Attributes:
        loss: the node of the loss; None if it has no gradient at all.
        nodes: what the loss is made from, including its own node.
        parameters: the node of each parameter that was used, by its name in the model.
        outputs: the nodes of the outputs of the recorded cells, by name.
        bare: those of the recorded cells that are innermost and have no weights.
        inputs: the shapes of the inputs that the model was run on.
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
        reached = set[int]()
        pending = [] if self.loss is None else [self.loss]
        while pending:
            node = pending.pop()
            if node not in reached and node not in closed:
                reached.add(node)
                pending += self.nodes[node].inputs
        return reached

    def reachable_names(self, cuts: Collection[str] = ()) -> frozenset[str]:
        """Return the names of the parameters and of the bare cells that it reaches then."""
        nodes = self.reachable_nodes(cuts)
        parameters = {name for name, node in self.parameters.items() if node in nodes}
        cells = {name for name in self.bare if not nodes.isdisjoint(self.outputs.get(name, ()))}
        return frozenset(parameters | cells)

"""FLOPs: an estimate of what a backward pass costs, from the shapes in an autograd graph.

Pure Python.
"""

import math
import re
from collections.abc import Collection

from trainer.backend.graph.autograd_graph import AutogradGraph, Node

_PRODUCT = re.compile("Conv|MatMul|Dense")  # operators that do most of the work of most models


def backward(graph: AutogradGraph, trained: Collection[str], cuts: Collection[str] = ()) -> int:
    """Return the multiply-adds of convolutions and matrix products in a backward pass.

    For each of its two inputs that needs a gradient, such an operator costs as much as in the
    forward pass. No gradient is needed where nothing is trained.

    Args:
        graph: of the loss.
        trained: names of the parameters that are trained.
        cuts: names of the cells behind which the gradient stops.
    """
    needed = dependents(graph, trained, graph.reachable_nodes(cuts))
    products = (graph.nodes[at] for at in needed if _PRODUCT.search(graph.nodes[at].kind))
    return sum(
        _forward(node, graph) * len([at for at in node.inputs[:2] if at in needed])
        for node in products
    )


def forward(graph: AutogradGraph, nodes: Collection[int]) -> int:
    """Return the multiply-adds of the convolutions and matrix products among nodes, forward."""
    candidates = (graph.nodes[at] for at in nodes)
    return sum(_forward(node, graph) for node in candidates if _PRODUCT.search(node.kind))


def dependents(
    graph: AutogradGraph, trained: Collection[str], reached: Collection[int]
) -> set[int]:
    """Return those of the reached nodes that depend on a trained parameter."""
    users: dict[int, list[int]] = {}
    for node in reached:
        for source in graph.nodes[node].inputs:
            users.setdefault(source, []).append(node)
    visited = set[int]()
    pending = [graph.parameters[name] for name in trained if name in graph.parameters]
    while pending:
        node = pending.pop()
        if node in reached and node not in visited:
            visited.add(node)
            pending += users.get(node, ())
    return visited


def _forward(node: Node, graph: AutogradGraph) -> int:
    """Return the multiply-adds of one convolution or matrix product in the forward pass."""
    shapes = [graph.nodes[at].shape for at in node.inputs[:2]]
    if "Conv" in node.kind:
        larger = shapes[0] if "Transpose" in node.kind and len(shapes) > 1 else node.shape
        return math.prod(larger) * math.prod(shapes[-1][1:])
    if len(shapes) < 2:  # the other has no gradient
        return math.prod(node.shape) * shapes[0][0]
    # (batch, m, k) by (batch, k, n) gives (batch, m, n); one of them may have no batch
    batch = math.prod(node.shape[:-2]) if all(len(shape) > 2 for shape in shapes) else 1
    values = math.prod(node.shape) * batch
    inner = math.prod(math.prod(shape) for shape in shapes) / max(1, values)
    return round(math.prod(node.shape) * math.sqrt(inner))

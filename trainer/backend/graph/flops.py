"""Work: an estimate of what a backward pass costs, from the shapes in a lineage. Pure Python."""

import math
import re
from collections.abc import Collection

from trainer.backend.graph.autograd_graph import AutogradGraph, Node

_PRODUCT = re.compile("Conv|MatMul|Dense")  # kinds of nodes, most of the work of most nets


def backward(lineage: AutogradGraph, trained: Collection[str], cuts: Collection[str] = ()) -> int:
    """Return the multiply-adds of convolutions and matrix products in a backward pass.

    For each of its two inputs that a gradient has to go to, such an operator costs as much as on
    the way forward. No gradient has to go where nothing is trained.

    Args:
        lineage: of the loss.
        trained: names of the parameters that are trained.
        cuts: names of the cells behind which the gradient stops.
    """
    nodes = lineage.nodes
    needed = dependents(lineage, trained, lineage.reachable_nodes(cuts))
    products = (nodes[at] for at in needed if _PRODUCT.search(nodes[at].kind))
    return sum(
        _forward(node, lineage) * len([at for at in node.inputs[:2] if at in needed])
        for node in products
    )


def forward(lineage: AutogradGraph, nodes: Collection[int]) -> int:
    """Return the multiply-adds of the convolutions and matrix products among nodes, forward."""
    found = (lineage.nodes[at] for at in nodes)
    return sum(_forward(node, lineage) for node in found if _PRODUCT.search(node.kind))


def dependents(
    lineage: AutogradGraph, trained: Collection[str], reached: Collection[int]
) -> set[int]:
    """Return the nodes, of those reached, that something trained goes into."""
    into: dict[int, list[int]] = {}
    for at in reached:
        for source in lineage.nodes[at].inputs:
            into.setdefault(source, []).append(at)
    found = set[int]()
    left = [lineage.parameters[name] for name in trained if name in lineage.parameters]
    while left:
        at = left.pop()
        if at in reached and at not in found:
            found.add(at)
            left += into.get(at, ())
    return found


def _forward(node: Node, lineage: AutogradGraph) -> int:
    """Return the multiply-adds of one convolution or matrix product on the way forward."""
    shapes = [lineage.nodes[at].shape for at in node.inputs[:2]]
    if "Conv" in node.kind:
        wide = shapes[0] if "Transpose" in node.kind and len(shapes) > 1 else node.shape
        return math.prod(wide) * math.prod(shapes[-1][1:])
    if len(shapes) < 2:  # the other has no gradient
        return math.prod(node.shape) * shapes[0][0]
    # (batch, m, k) by (batch, k, n) gives (batch, m, n); one of them need have no batch
    batch = math.prod(node.shape[:-2]) if all(len(shape) > 2 for shape in shapes) else 1
    values = math.prod(node.shape) * batch
    inner = math.prod(math.prod(shape) for shape in shapes) / max(1, values)
    return round(math.prod(node.shape) * math.sqrt(inner))

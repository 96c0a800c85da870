"""Lineage: what a loss is made from, read off the graph that PyNative records on the way forward.

Nothing is computed backwards and no value is looked at: neither zero weights nor a closed
activation hides a path, and a net of a thousand parameters takes a second.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn

from trainer import eager, layout

# Recorded although their derivative is 0 everywhere (MindSpore 2.10).
_FLAT = {
    *("Ceil", "Floor", "FloorDiv", "OnesLike", "OnesLikeExt", "Rint", "Round", "Sign", "Trunc"),
    *("TruncateDiv", "ZerosLike", "ZerosLikeExt"),
}
_DIFFERENTIABLE = {
    *(ms.float16, ms.bfloat16, ms.float32, ms.float64),
    *(ms.complex64, ms.complex128),
}


@dataclass(frozen=True)
class Node:
    """One operator's output, or a leaf.

    Attributes:
        kind: the operator's name, as in ``Conv2D``.
        shape: of the output; of the first, if there are several.
        inputs: the nodes that a gradient goes on to.
    """

    kind: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Lineage:
    """All that a loss is made from.

    Attributes:
        loss: its node; None if nothing in it has a gradient.
        nodes: what it is made from, itself included.
        parameters: the node of each parameter that was used, by its name in the net.
        outputs: nodes of the outputs of cells, by the cells' names.
    """

    loss: int | None
    nodes: Mapping[int, Node]
    parameters: Mapping[str, int]
    outputs: Mapping[str, Collection[int]]

    def behind(self, cuts: Collection[str] = ()) -> set[int]:
        """Return the nodes that the loss's gradient reaches if it stops behind some cells."""
        closed = {node for name in cuts for node in self.outputs[name]}
        found = set[int]()
        left = [] if self.loss is None else [self.loss]
        while left:
            at = left.pop()
            if at not in found and at not in closed:
                found.add(at)
                left += self.nodes[at].inputs
        return found

    def reached(self, cuts: Collection[str] = ()) -> frozenset[str]:
        """Return the names of the parameters, and of the cells in ``outputs``, that it reaches."""
        nodes = self.behind(cuts)
        parameters = {name for name, node in self.parameters.items() if node in nodes}
        return frozenset(
            parameters | {name for name, made in self.outputs.items() if not nodes.isdisjoint(made)}
        )


def trace(
    net: nn.Cell, loss: nn.Cell, batch: Sequence[Tensor], cells: Collection[str] = ()
) -> Lineage:
    """Run a net once and return what its loss is made from.

    Args:
        net: the net, as it will be trained; it is left as it was. Flags are not looked at.
        loss: a cell of (output, label).
        batch: inputs and, last, the label; a few samples are enough.
        cells: names of those whose outputs are noted if they are called.
    """
    *inputs, label = batch
    weights = {name: p for name, p in net.parameters_and_names() if _is_weight(name, p)}
    zero = Parameter(Tensor(0.0, ms.float32), name="zero")
    losses = []

    def forward(*inputs: Tensor) -> Tensor:
        losses.append(loss(net(*inputs), label)._grad_node)
        return zero * 1.0  # all that is run backwards

    with eager.mode(), eager.unchanged(net), _noted(net, cells, zero) as outputs:
        for parameter in weights.values():
            parameter.requires_grad = True
        net.set_train(True)
        ms.grad(forward, None, weights=ParameterTuple([zero]))(*inputs)
        used = {name: p._grad_node for name, p in weights.items() if p._grad_node is not None}
    parameters = {name: node._unique_id() for name, node in used.items()}
    root = None if losses[0] is None else losses[0]._unique_id()
    return Lineage(root, _nodes(losses[0]), parameters, outputs)


def _is_weight(name: str, parameter: Parameter) -> bool:
    return parameter.is_floating_point() and not layout.is_statistic(name)


@contextmanager
def _noted(
    net: nn.Cell, names: Collection[str], zero: Parameter
) -> Iterator[dict[str, list[int]]]:
    """Note the nodes of cells' outputs, to each of which a zero is added.

    Without that, the output of a cell that does nothing would be the node of another cell.
    """
    outputs: dict[str, list[int]] = {}

    def noting(name: str) -> Any:
        def note(cell: nn.Cell, inputs: Any, output: Any) -> Any:
            return _marked(output, zero, outputs.setdefault(name, []))

        return note

    chosen = [(name, cell) for name, cell in net.cells_and_names() if name in names]
    handles = [cell.register_forward_hook(noting(name)) for name, cell in chosen]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _marked(output: Any, zero: Parameter, nodes: list[int]) -> Any:
    if type(output) in (tuple, list):
        return type(output)(_marked(part, zero, nodes) for part in output)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return output
    marked = output + zero.astype(output.dtype)
    nodes.append(marked._grad_node._unique_id())
    return marked


def _nodes(loss: Any) -> dict[int, Node]:
    found: dict[int, Node] = {}
    left = [] if loss is None else [loss]
    while left:
        at = left.pop()
        if at._unique_id() not in found:
            made = at._input_metadata
            into = [] if at.name() in _FLAT else [n for n, nth in at.next_functions if _goes(n, nth)]
            shape = tuple(made[0].shape) if made else ()
            found[at._unique_id()] = Node(at.name(), shape, tuple(n._unique_id() for n in into))
            left += into
    return found


def _goes(node: Any, nth: int) -> bool:
    """Tell whether the gradient goes to a node's nth output: not to one of whole numbers."""
    if node is None:
        return False
    made = node._input_metadata
    return nth >= len(made) or made[nth].dtype in _DIFFERENTIABLE

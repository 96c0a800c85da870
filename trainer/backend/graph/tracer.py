"""Trace: the lineage of a net's loss, read off the graph that PyNative records on the way forward.

Nothing is computed backwards and no value is looked at: neither zero weights nor a closed
activation hides a path, and a net of a thousand parameters takes a second.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeAlias

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run, module_tree
from trainer.backend.graph.autograd_graph import AutogradGraph, Node
from trainer.backend.graph.module_tree import ModuleTree
from trainer.config.rules import Rule
from trainer.core.errors import ConfigError

ExampleInput: TypeAlias = tuple[nn.Cell, Batch]  # a loss of (output, label), and a batch

# Recorded although their derivative is 0 everywhere (MindSpore 2.10).
_FLAT = {
    *("Ceil", "Floor", "FloorDiv", "OnesLike", "Round", "Sign", "Trunc", "TruncateDiv"),
    *("ZerosLike", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
}
_REAL = {
    *(ms.float16, ms.bfloat16, ms.float32, ms.float64),
    *(ms.complex64, ms.complex128),
}


def trace(
    net: nn.Cell, sights: Iterable[ExampleInput], cells: Collection[str] = ()
) -> AutogradGraph:
    """Run a net once and return what its loss is made from.

    Args:
        net: the net, as it will be trained; it is left as it was. Flags are not looked at.
        sights: what to run it on: the first that it takes. A few samples are enough.
        cells: names of those to note, if they are called, besides the bare ones.

    Raises:
        Exception: what the net raised for the last of them.
    """
    refusal = None
    with dry_run.eager_mode(), dry_run.preserve_state(net):
        net.set_train(True)
        for parameter in net.get_parameters():
            parameter.requires_grad = parameter.is_floating_point()
        for sight in sights:
            try:
                return _trace(net, *sight, cells)
            except Exception as error:  # whatever a net of any make raises for a batch not its own
                refusal = error
    raise refusal or ValueError("expected something to run the net on, received nothing")


def _trace(net: nn.Cell, loss: nn.Cell, batch: Batch, cells: Collection[str]) -> AutogradGraph:
    *inputs, label = batch
    bare = _bare(net)
    zero = Parameter(Tensor(0.0, ms.float32), name="zero")
    roots, refusals = [], []

    def forward(*inputs: Tensor) -> Tensor:
        try:
            roots.append(loss(net(*inputs), label)._grad_node)
        except Exception as error:  # whatever a net of any make raises
            refusals.append(error)
        return zero * 1.0  # all that is run backwards

    with _noted(net, bare.union(cells), zero) as outputs:
        try:
            ms.grad(forward, None, weights=ParameterTuple([zero]))(*inputs)
        except RuntimeError:  # an operator that fails takes with it what was recorded
            if not refusals:
                raise
    if refusals:
        raise refusals[0]
    used = {
        name: p._grad_node._unique_id()
        for name, p in net.parameters_and_names()
        if p._grad_node is not None and not module_tree.is_statistic(name)
    }
    shapes = tuple(tuple(column.shape) for column in inputs)
    noted = {name: [node._unique_id() for node in made] for name, made in outputs.items()}
    return AutogradGraph(_id(roots[0]), _nodes(roots[0]), used, noted, bare, shapes)


def describe_in_call_order(
    net: nn.Cell, rules: Sequence[Rule], lr_decay: float, sights: Iterable[ExampleInput]
) -> ModuleTree:
    """Return a net's layout; if something hangs on the order of its layers, with that order.

    Args:
        net: the net; it is left as it was.
        rules: of which some may count layers.
        lr_decay: counts them, unless it is 1.
        sights: what to run the net on; if it takes none, the order stays unknown.
    """
    what = module_tree.describe(net)
    if lr_decay == 1 and not any(rule.ordered for rule in rules):
        return what
    owners = {cell for parameter in what.parameters for cell in parameter.cells}
    return replace(what, order=_order(net, owners, sights))


def _order(net: nn.Cell, names: Collection[str], sights: Iterable[ExampleInput]) -> tuple[str, ...]:
    """Return cells in the order in which the net first calls them."""
    calls: list[str] = []

    def noting(name: str) -> Any:
        def note(cell: nn.Cell, inputs: Any) -> None:
            calls.append(name)

        return note

    chosen = [(name, cell) for name, cell in net.cells_and_names() if name in names]
    handles = [cell.register_forward_pre_hook(noting(name)) for name, cell in chosen]
    try:
        with dry_run.eager_mode(), dry_run.preserve_state(net), suppress(ConfigError):
            net.set_train(True)
            for _, (*inputs, _) in sights:
                calls.clear()
                with suppress(Exception):  # whatever a net of any make raises
                    net(*inputs)
                    return tuple(dict.fromkeys(calls))
        return ()
    finally:
        for handle in handles:
            handle.remove()


def _bare(net: nn.Cell) -> frozenset[str]:
    """Return the names of the innermost cells without weights, such as dropout."""
    return frozenset(
        name
        for name, cell in net.cells_and_names()
        if name and not cell.cells()
        if all(module_tree.is_statistic(own) for own, _ in cell.parameters_and_names())
    )


@contextmanager
def _noted(net: nn.Cell, names: Collection[str], zero: Parameter) -> Iterator[dict[str, list[Any]]]:
    """Note the nodes of cells' outputs, to each of which a zero is added.

    Without that, the output of a cell that does nothing would be the node of another cell. A node
    is told by where it lies in memory, so it is held even if the net drops the output.
    """
    outputs: dict[str, list[Any]] = {}

    def mark(name: str, output: Any) -> Any:
        return _marked(output, zero, outputs.setdefault(name, []))

    with dry_run.forward_hooks(net, names, mark):
        yield outputs


def _marked(output: Any, zero: Parameter, nodes: list[Any]) -> Any:
    if type(output) in (tuple, list):
        return type(output)(_marked(part, zero, nodes) for part in output)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return output
    marked = output + zero.astype(output.dtype)
    nodes.append(marked._grad_node)
    return marked


def _nodes(root: Any) -> dict[int, Node]:
    found: dict[int, Node] = {}
    left = [] if root is None else [root]
    while left:
        at = left.pop()
        if at._unique_id() not in found:
            into = _inputs(at)
            made = at._input_metadata  # of the gradient's inputs, which are the operator's outputs
            shape = tuple(made[0].shape) if made else ()
            found[at._unique_id()] = Node(at.name(), shape, tuple(n._unique_id() for n in into))
            left += into
    return found


def _inputs(node: Any) -> Sequence[Any]:
    """Return the nodes that the gradient goes on to."""
    if node.name() in _FLAT:
        return ()
    edges = [edge for edge in node.next_functions if edge[0] is not None]
    return [made for made, nth in edges if _is_real(made, nth) or _is_cast(node, made)]


def _is_cast(node: Any, made: Any) -> bool:
    """Tell whether whole numbers are a cast's: MindSpore's gradient goes through those alone."""
    into = [edge for edge in made.next_functions if edge[0] is not None]
    back = node.name() == "Cast" or not _is_real(node, 0)
    return back and (made.name() == "Cast" or not any(_is_real(*edge) for edge in into))


def _is_real(node: Any, nth: int) -> bool:
    made = node._input_metadata
    return nth >= len(made) or made[nth].dtype in _REAL


def _id(node: Any) -> int | None:
    return None if node is None else node._unique_id()

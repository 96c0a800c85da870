"""Tracer: the autograd graph of a model's loss, as PyNative records it in the forward pass.

Nothing is computed backward and no value is read, so neither zero weights nor a closed activation
hides a path. A model of a thousand parameters takes a second.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run, module_tree
from trainer.backend.graph.autograd_graph import AutogradGraph, Node
from trainer.backend.graph.misfit import shapes
from trainer.core.errors import ConfigError
from trainer.core.text import first_line

ExampleInput: TypeAlias = tuple[nn.Cell, Batch]  # a loss of (output, label), and a batch

# Operators that are recorded although their derivative is 0 everywhere (MindSpore 2.10).
_ZERO_DERIVATIVE = {
    *("Ceil", "Floor", "FloorDiv", "OnesLike", "Round", "Sign", "Trunc", "TruncateDiv"),
    *("ZerosLike", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
}
_FLOATING = {
    *(ms.float16, ms.bfloat16, ms.float32, ms.float64),
    *(ms.complex64, ms.complex128),
}


def trace(
    model: nn.Cell, examples: Iterable[ExampleInput], cells: Collection[str] = ()
) -> AutogradGraph:
    """Run a model once and return what its loss is made from.

    Args:
        model: the model, as it will be trained; it is left unchanged. Its flags are ignored.
        examples: what to run it on: the first that it accepts. A few samples are enough.
        cells: names of the cells to record, if they are called, in addition to the bare ones.

    Raises:
        ConfigError: an example could not be prepared, and the model accepted none before it.
        Exception: what the model raised for the example with which it got furthest.
    """
    furthest = _Rejection(-1, "", ValueError("expected an example to run on, received none"))
    with dry_run.eager_mode(), dry_run.preserve_state(model):
        model.set_train(True)
        for parameter in model.get_parameters():
            parameter.requires_grad = parameter.is_floating_point()
        try:
            for loss, batch in examples:
                outcome = _trace(model, loss, batch, cells)
                if isinstance(outcome, AutogradGraph):
                    return outcome
                furthest = max(furthest, outcome, key=lambda rejection: rejection.calls)
        except ConfigError as error:
            raise ConfigError([*error.problems, *furthest.problems()]) from None
    raise furthest.error


@dataclass(frozen=True)
class _Rejection:
    """What a model raised for an example, and after how many outputs of its cells."""

    calls: int
    shapes: str
    error: Exception

    def problems(self) -> list[str]:
        """Return the rejection as a problem; empty if there was no example."""
        if not self.shapes:
            return []
        reason = f"the generated {self.shapes} gets furthest, and fails: {first_line(self.error)}"
        return [f"model: it runs on no generated input; {reason}"]


def _trace(
    model: nn.Cell, loss: nn.Cell, batch: Batch, cells: Collection[str]
) -> AutogradGraph | _Rejection:
    *inputs, _ = batch
    bare = _bare_cells(model)
    zero = Parameter(Tensor(0.0, ms.float32), name="zero")
    with _recorded_outputs(model, bare.union(cells), zero) as outputs:
        try:
            root = _run(model, loss, batch, zero)
        except Exception as error:  # a model may raise anything for a batch that does not fit
            calls = sum(map(len, outputs.values()))
            return _Rejection(calls, shapes(inputs), error.with_traceback(None))
    parameters = {
        name: p._grad_node._unique_id()
        for name, p in model.parameters_and_names()
        if p._grad_node is not None and not module_tree.is_statistic(name)
    }
    input_shapes = tuple(tuple(column.shape) for column in inputs)
    output_ids = {name: [node._unique_id() for node in nodes] for name, nodes in outputs.items()}
    return AutogradGraph(_id(root), _nodes(root), parameters, output_ids, bare, input_shapes)


def _run(model: nn.Cell, loss: nn.Cell, batch: Batch, zero: Parameter) -> Any:
    """Run a model and its loss forward, and return the node that PyNative records of the loss."""
    *inputs, label = batch
    roots, errors = [], []

    def forward(*inputs: Tensor) -> Tensor:
        try:
            roots.append(loss(model(*inputs), label)._grad_node)
        except Exception as error:  # a model may raise anything
            errors.append(error)
        return zero * 1.0  # the only operator that is run backward

    try:
        ms.grad(forward, None, weights=ParameterTuple([zero]))(*inputs)
    except RuntimeError:  # an operator that fails removes what was recorded
        if not errors:
            raise
    if errors:
        raise errors[0]
    return roots[0]


def _bare_cells(model: nn.Cell) -> frozenset[str]:
    """Return the names of the innermost cells without weights, such as dropout."""
    return frozenset(
        name
        for name, cell in model.cells_and_names()
        if name and not cell.cells()
        if all(module_tree.is_statistic(own) for own, _ in cell.parameters_and_names())
    )


@contextmanager
def _recorded_outputs(
    model: nn.Cell, names: Collection[str], zero: Parameter
) -> Iterator[dict[str, list[Any]]]:
    """Record the nodes of cells' outputs, to each of which a zero is added.

    Without the zero, the output of a cell that does nothing would be the node of another cell. A
    node is identified by its memory address, so it is kept even if the model drops the output.
    """
    outputs: dict[str, list[Any]] = {}

    def record(name: str, output: Any) -> Any:
        return _marked(output, zero, outputs.setdefault(name, []))

    with dry_run.forward_hooks(model, names, record):
        yield outputs


def _marked(output: Any, zero: Parameter, nodes: list[Any]) -> Any:
    """Return an output with the zero added to each of its tensors; append their nodes."""
    if type(output) in (tuple, list):
        return type(output)(_marked(part, zero, nodes) for part in output)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return output
    marked = output + zero.astype(output.dtype)
    nodes.append(marked._grad_node)
    return marked


def _nodes(root: Any) -> dict[int, Node]:
    """Return all nodes that a gradient goes to from a root, by id."""
    nodes: dict[int, Node] = {}
    pending = [] if root is None else [root]
    while pending:
        node = pending.pop()
        if node._unique_id() not in nodes:
            inputs = _inputs(node)
            outputs = node._input_metadata  # the gradient's inputs are the operator's outputs
            shape = tuple(outputs[0].shape) if outputs else ()
            ids = tuple(n._unique_id() for n in inputs)
            nodes[node._unique_id()] = Node(node.name(), shape, ids)
            pending += inputs
    return nodes


def _inputs(node: Any) -> Sequence[Any]:
    """Return the nodes to which the gradient goes on."""
    if node.name() in _ZERO_DERIVATIVE:
        return ()
    edges = [edge for edge in node.next_functions if edge[0] is not None]
    return [source for source, nth in edges if _is_floating(source, nth) or _is_cast(node, source)]


def _is_cast(node: Any, source: Any) -> bool:
    """Tell whether integers come from a cast: MindSpore's gradient passes through those only."""
    edges = [edge for edge in source.next_functions if edge[0] is not None]
    back = node.name() == "Cast" or not _is_floating(node, 0)
    return back and (source.name() == "Cast" or not any(_is_floating(*edge) for edge in edges))


def _is_floating(node: Any, nth: int) -> bool:
    outputs = node._input_metadata
    return nth >= len(outputs) or outputs[nth].dtype in _FLOATING


def _id(node: Any) -> int | None:
    return None if node is None else node._unique_id()

"""Upstream: what the cuts put out of the gradient's reach, found by one eager pass.

The loss is multiplied by NaN before the gradient is taken. NaN times anything is NaN, so a
parameter's gradient holds NaN exactly if the gradient arrives there; zero weights, zero gammas and
small numbers cannot hide a path, as they would in a probe that looks for zeros.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from trainer import eager, layout, methods
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
    cutters = [method] * len(cuts) if isinstance(method, str) else method
    cells = {name: cell for name, cell in net.cells_and_names() if name in cuts}
    with _called(cells) as called:
        without = reached(net, loss, batch)
    if idle := [name for name in cuts if name not in called]:
        by = dict(zip(cuts, cutters, strict=True))
        raise Mistake([_never_called(name, by[name]) for name in idle])
    with contextlib.ExitStack() as undo:
        for cut, cutter in zip(cuts, cutters, strict=True):
            undo.callback(methods.load(cutter).apply([cells[cut]], []))
        return without - reached(net, loss, batch)


@contextlib.contextmanager
def _called(cells: Mapping[str, nn.Cell]) -> Iterator[set[str]]:
    """Note the names of the cells that are called while the block runs."""
    called: set[str] = set()

    def noting(name: str) -> Any:
        def note(cell: nn.Cell, inputs: Any, output: Any) -> None:
            called.add(name)

        return note

    handles = [cell.register_forward_hook(noting(name)) for name, cell in cells.items()]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()


def _never_called(name: str, method: str) -> str:
    return (
        f"freeze: expected cells that the net calls, received {name!r}, which it never does, so "
        f"{method} has no output to cut; name a cell above it, or use method=requires_grad"
    )


def reached(net: nn.Cell, loss: nn.Cell, batch: Sequence[Tensor]) -> frozenset[str]:
    """Return the names of parameters and parameterless cells that the loss's gradient reaches."""
    parameters = {p.name: p for p in layout.read(net).parameters if not p.statistic}
    weights = {
        name: p
        for name, p in net.parameters_and_names()
        if name in parameters and p.is_floating_point()
    }
    with eager.mode(), eager.unchanged(net), _marked(net) as marks:
        probes = {**weights, **marks}
        for parameter in weights.values():
            parameter.requires_grad = True
        net.set_train(True)
        *inputs, label = batch

        def tainted(*inputs: Tensor) -> Any:
            return loss(net(*inputs), label) * float("nan")

        gradient = ms.grad(tainted, None, weights=ParameterTuple(list(probes.values())))
        found = _not_a_number(probes, gradient(*inputs))
        # An activation that is closed or full gives 0 for NaN; if all is positive, and once small,
        # it is open.
        positive = [column.abs() if column.is_floating_point() else column for column in inputs]
        for scale in (1.0, 1e-3) if len(found) < len(probes) else ():
            for parameter in weights.values():
                value = scale * _share(parameter)
                eager.write(parameter, ops.full(parameter.shape, value, dtype=parameter.dtype))
            found |= _not_a_number(probes, gradient(*positive))
        return found


def _share(parameter: Parameter) -> float:
    """One over the number of inputs, so that the values grow by no layer."""
    return parameter.shape[0] / parameter.size if parameter.shape and parameter.size else 1.0


def _not_a_number(probes: dict[str, Parameter], gradients: Sequence[Tensor]) -> frozenset[str]:
    pairs = zip(probes, gradients, strict=True)
    return frozenset(name for name, gradient in pairs if np.isnan(gradient.asnumpy()).any())


@contextlib.contextmanager
def _marked(net: nn.Cell) -> Iterator[dict[str, Parameter]]:
    """Add a zero to the output of each cell without parameters, so that it has a gradient too."""
    marks, handles = {}, []
    for name, cell in net.cells_and_names():
        owned = [n for n, _ in cell.parameters_and_names() if not layout.is_statistic(n)]
        if name and not cell.cells() and not owned:
            marks[name] = Parameter(Tensor(0.0, ms.float32), name=f"mark.{name}")
            handles.append(cell.register_forward_hook(_adder(marks[name])))
    try:
        yield marks
    finally:
        for handle in handles:
            handle.remove()


def _adder(mark: Parameter) -> Any:
    def add(cell: nn.Cell, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (add(cell, inputs, output[0]), *output[1:])
        if isinstance(output, Tensor) and output.is_floating_point():
            return output + mark.astype(output.dtype)
        return output

    return add

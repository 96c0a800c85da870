"""Finds the cells whose output for a sample is constant while the model trains.

Two conditions must hold. The output depends on no trainable parameter, which the autograd graph
shows; and a pass in inference mode with other values in all that is not frozen gives the same bits
as a pass in training mode. The second condition detects dropout, batch statistics and integer
operations, which have no gradient that an autograd graph could record.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import xxhash
from mindspore import Parameter, Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run
from trainer.data import batches
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan

_T = TypeVar("_T")

TensorSpec: TypeAlias = tuple[tuple[int, ...], Any]
"""Shape and type of a tensor."""

_SCALE, _SHIFT = 1.25, 0.0625  # change each weight, also a 0


@dataclass
class Calls:
    """What the calls of a cell returned.

    Attributes:
        several: whether a call returns a tuple, even of a single tensor.
        outputs: shapes and types of the tensors of each call; None: a call returned other values.
        digests: digests of the values of each call.
    """

    several: bool = False
    outputs: list[list[TensorSpec] | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    def has_shapes_of(self, other: "Calls") -> bool:
        """Return whether the values of other calls have the same shapes and types."""
        return (self.several, self.outputs) == (other.several, other.outputs)


def find_constant(
    model: nn.Cell, plan: Plan, batch: Batch, reset_dropout: Callable[[], None] = lambda: None
) -> tuple[dict[str, Calls], set[str]]:
    """Return the calls of all cells, and the cells with the same output in two different passes.

    Cells that return other shapes in inference mode are left out.

    Args:
        model: with no plan in effect; it is left unchanged.
        plan: the freeze plan of the model.
        batch: inputs and, last, the label.
        reset_dropout: restores the random state, so that the same masks are drawn again.
    """
    reset_dropout()
    trained = _run_forward(model, plan, batch)
    with _perturbed(model, plan):
        reset_dropout()
        inferred = _run_forward(model, plan, batch, training=False)
    reset_dropout()
    calls = {n: c for n, c in trained.items() if n in inferred and c.has_shapes_of(inferred[n])}
    constant = {n for n, c in calls.items() if None not in c.outputs and inferred[n] == c}
    return calls, constant


def record_outputs(
    model: nn.Cell, names: Sequence[str], inputs: Batch
) -> dict[str, list[NDArray[Any]]]:
    """Return the outputs of cells that are called once each, in inference mode."""
    return _record(model, names, inputs, Tensor.asnumpy)


def find_exact(model: nn.Cell, names: Sequence[str], inputs: Batch) -> set[str]:
    """Return the cells that give a sample the same bits in any position of the batch.

    A matrix product often does not, because its rows are summed in blocks.
    """
    rows = _record(model, names, inputs, _row_digests)
    reverse = _record(model, names, batches.reversed_batch(inputs), _row_digests)
    return {n for n in names if n in rows and rows[n] == [c[::-1] for c in reverse[n]]}


def _row_digests(tensor: Tensor) -> list[bytes]:
    return [xxhash.xxh3_128_digest(row.tobytes()) for row in tensor.asnumpy()]


def _record(
    model: nn.Cell, names: Sequence[str], inputs: Batch, convert: Callable[[Tensor], _T]
) -> dict[str, list[_T]]:
    """Return the converted output tensors of cells, by name, of a pass in inference mode."""
    outputs: dict[str, list[_T]] = {}

    def record(name: str, output: Any) -> None:
        outputs[name] = [convert(tensor) for tensor in _tensors(output) or ()]

    hooks = dry_run.forward_hooks(model, names, record)
    with dry_run.eager_mode(), dry_run.preserve_state(model), hooks:
        model.set_train(False)
        model(*inputs)
    return outputs


def _run_forward(
    model: nn.Cell, plan: Plan, batch: Batch, training: bool = True
) -> dict[str, Calls]:
    """Return the calls of all cells of a model in one pass under its plan."""
    calls_by_cell: dict[str, Calls] = {}

    def record(name: str, output: Any) -> None:
        _add_call(calls_by_cell.setdefault(name, Calls()), output)

    names = [name for name, _ in model.cells_and_names() if name]
    with dry_run.eager_mode(), dry_run.preserve_state(model):
        frozen = FrozenModel(model, plan)
        try:
            frozen.set_train() if training else model.set_train(False)
            with dry_run.forward_hooks(model, names, record):
                model(*batch[:-1])
        finally:
            frozen.undo()
    return calls_by_cell


def _add_call(calls: Calls, output: Any) -> None:
    tensors = _tensors(output)
    calls.several = not isinstance(output, Tensor)
    calls.outputs.append(tensors and [(tuple(t.shape), t.dtype) for t in tensors])
    digest = xxhash.xxh3_128()
    for tensor in tensors or ():
        digest.update(tensor.asnumpy().tobytes())
    calls.digests.append(digest.digest())


def _tensors(output: Any) -> list[Tensor] | None:
    """Return the tensors that a cell returned; None if it returned anything else."""
    tensors = list(output) if type(output) in (tuple, list) else [output]
    return tensors if tensors and all(isinstance(each, Tensor) for each in tensors) else None


@contextmanager
def _perturbed(model: nn.Cell, plan: Plan) -> Iterator[None]:
    """Give all that is not frozen other values within the block."""
    frozen = set(plan.names("frozen"))
    free = {n: p for n, p in model.parameters_and_names() if n not in frozen}
    before: Mapping[str, NDArray[Any]] = {n: p.asnumpy().copy() for n, p in free.items()}
    try:
        for name, parameter in free.items():
            if parameter.is_floating_point():
                _write(parameter, before[name] * _SCALE + _SHIFT)
        yield
    finally:
        for name, parameter in free.items():
            _write(parameter, before[name])


def _write(parameter: Parameter, value: NDArray[Any]) -> None:
    dry_run.assign_in_place(parameter, Tensor(value, dtype=parameter.dtype))

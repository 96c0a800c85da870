"""Still: the cells of a net whose output for a sample stays the same while the net trains.

Two things must hold. Nothing that trains goes into the output, which the lineage tells; and a pass
in inference mode with other values in all that is not frozen gives the same bits as one in training
mode. The second shows dropout, batch statistics and what goes by whole numbers, which has no
gradient for a lineage to follow.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import xxhash
from mindspore import Parameter, Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run
from trainer.data import batches
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan

Kind: TypeAlias = tuple[tuple[int, ...], Any]
"""Shape and type of a tensor."""

_FACTOR, _SHIFT = 1.25, 0.0625  # another value for each weight, also for 0


@dataclass
class Calls:
    """What a cell has put out: the tensors of each call, or None for something else.

    Attributes:
        several: whether a call gives a tuple, be it of one.
        outputs: shapes and types of each call's tensors.
        digests: of each call's values.
    """

    several: bool = False
    outputs: list[list[Kind] | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)


def constant_outputs(
    net: nn.Cell, plan: Plan, batch: Batch, restart: Callable[[], None] = lambda: None
) -> dict[str, Calls]:
    """Return the cells whose output two passes have found to stay the same, and what it was.

    Args:
        net: with no plan in effect; it is left as it was.
        plan: for it.
        batch: inputs and, last, the label.
        restart: lets the net draw again what it drew.
    """
    restart()
    trained = _pass(net, plan, batch)
    with _otherwise(net, plan):
        restart()
        inferred = _pass(net, plan, batch, training=False)
    restart()
    return {
        name: calls
        for name, calls in trained.items()
        if None not in calls.outputs and inferred.get(name) == calls
    }


def outputs(net: nn.Cell, names: Sequence[str], inputs: Batch) -> dict[str, list[NDArray[Any]]]:
    """Return the values that cells, each called once, put out in inference mode."""
    found: dict[str, list[NDArray[Any]]] = {}

    def note(name: str, output: Any) -> None:
        found[name] = [t.asnumpy() for t in _tensors(output) or ()]

    with dry_run.eager_mode(), dry_run.preserve_state(net), dry_run.forward_hooks(net, names, note):
        net.set_train(False)
        net(*inputs)
    return found


def exact(net: nn.Cell, names: Sequence[str], inputs: Batch) -> set[str]:
    """Return the cells that give a sample the same bits in another place of the batch.

    A matrix product often does not: its rows are summed in blocks.
    """

    def rows(given: Batch) -> dict[str, list[list[bytes]]]:
        found: dict[str, list[list[bytes]]] = {}

        def note(name: str, output: Any) -> None:
            found[name] = [
                [xxhash.xxh3_128_digest(row.tobytes()) for row in tensor.asnumpy()]
                for tensor in _tensors(output) or ()
            ]

        with (
            dry_run.eager_mode(),
            dry_run.preserve_state(net),
            dry_run.forward_hooks(net, names, note),
        ):
            net.set_train(False)
            net(*given)
        return found

    one = rows(inputs)
    other = rows(batches.reversed_batch(inputs))
    return {n for n in names if n in one and one[n] == [column[::-1] for column in other[n]]}


def _pass(net: nn.Cell, plan: Plan, batch: Batch, training: bool = True) -> dict[str, Calls]:
    found: dict[str, Calls] = {}

    def note(name: str, output: Any) -> None:
        calls, made = found.setdefault(name, Calls()), _tensors(output)
        calls.several = not isinstance(output, Tensor)
        calls.outputs.append(made if made is None else [(tuple(t.shape), t.dtype) for t in made])
        digest = xxhash.xxh3_128()
        for tensor in made or ():
            digest.update(tensor.asnumpy().tobytes())
        calls.digests.append(digest.digest())

    names = [name for name, _ in net.cells_and_names() if name]
    with dry_run.eager_mode(), dry_run.preserve_state(net):
        applied = FrozenModel(net, plan)
        try:
            applied.set_train() if training else net.set_train(False)
            with dry_run.forward_hooks(net, names, note):
                net(*batch[:-1])
        finally:
            applied.undo()
    return found


def _tensors(output: Any) -> list[Tensor] | None:
    """Return the tensors that a cell has put out; None if it is anything but one or several."""
    made = list(output) if type(output) in (tuple, list) else [output]
    return made if made and all(isinstance(each, Tensor) for each in made) else None


@contextmanager
def _otherwise(net: nn.Cell, plan: Plan) -> Iterator[None]:
    """Give all that is not frozen other values in the block."""
    frozen = set(plan.names("frozen"))
    free = {n: p for n, p in net.parameters_and_names() if n not in frozen}
    before: Mapping[str, NDArray[Any]] = {n: p.asnumpy().copy() for n, p in free.items()}
    try:
        for name, parameter in free.items():
            if parameter.is_floating_point():
                _write(parameter, before[name] * _FACTOR + _SHIFT)
        yield
    finally:
        for name, parameter in free.items():
            _write(parameter, before[name])


def _write(parameter: Parameter, value: NDArray[Any]) -> None:
    dry_run.assign_in_place(parameter, Tensor(value, dtype=parameter.dtype))

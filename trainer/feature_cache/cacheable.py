"""Storable: whether and where a net's frozen part can be stored, tried before anything trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run, tracer
from trainer.core.tensors import close, same_bits
from trainer.core.text import shorten
from trainer.data import batches
from trainer.engine.train_step import forward
from trainer.feature_cache import boundary, constant_outputs
from trainer.feature_cache.boundary import Boundary
from trainer.feature_cache.constant_outputs import Calls, Kind
from trainer.feature_cache.replay import FeatureReplay, parameter
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan


class NotCacheable(Exception):
    """Why a frozen part cannot be stored."""


@dataclass(frozen=True)
class Cacheable:
    """What can be stored of a net.

    Attributes:
        boundary: where the part ends that stays the same.
        calls: what the cells at it, and those to be left out, put out for a few samples.
        needs_inputs: whether some of the net that trains takes the inputs themselves.
        inputs: shape and type of each input, for those few samples.
        work: multiply-adds of convolutions and matrix products that are saved, for a sample.
    """

    boundary: Boundary
    calls: Mapping[str, Calls]
    needs_inputs: bool
    inputs: Sequence[Kind]
    work: float

    def features(self) -> list[Kind]:
        """Return shape and type of each feature, for those few samples."""
        firsts = (self.calls[name].outputs[0] for name in self.boundary.stored)
        return [kind for first in firsts for kind in first or ()]

    def detour(self, net: nn.Cell, size: int) -> FeatureReplay:
        """Return a net of the same kind without its still part, for batches of one size."""
        inputs = None if self.needs_inputs else made_up(self.inputs, size)
        return FeatureReplay(net, self.boundary, self.calls, size, inputs)


@dataclass(frozen=True)
class CacheProbe:
    """What is tried.

    Attributes:
        net: with no plan in effect.
        plan: for it.
        loss: a cell of (output, label).
        batch: a few samples: inputs and, last, the label.
        restart: lets the net draw again what it drew.
        whole: a batch as the net is trained with; None: the samples need not be the same to the bit
            wherever they stand in one.
    """

    net: nn.Cell
    plan: Plan
    loss: nn.Cell
    batch: Batch
    restart: Callable[[], None] = lambda: None
    whole: Batch | None = None

    @property
    def size(self) -> int:
        """Samples of the batch."""
        return int(self.batch[-1].shape[0])


def find(trial: CacheProbe) -> Cacheable:
    """Return what can be stored of a net: the outputs nearest to the loss that stay the same.

    Raises:
        NotCacheable: nothing can; tells why.
    """
    names = [name for name, _ in trial.net.cells_and_names() if name]
    lineage = tracer.trace(trial.net, [(trial.loss, trial.batch)], names)
    calls = constant_outputs.constant_outputs(trial.net, trial.plan, trial.batch, trial.restart)
    alike = {name for name, made in calls.items() if _is_alike(made, trial.size)}
    once = {name for name in alike if len(calls[name].outputs) == 1}
    if trial.whole is not None:
        once = constant_outputs.exact(trial.net, sorted(once), trial.whole[:-1])
    trained = [p.name for p in trial.plan.parameters if p.state != "frozen"]
    found = boundary.find(lineage, trained, calls, once, alike)
    if not found.stored or not found.work:
        raise NotCacheable(_nothing(trial, calls))
    _check_rows(trial, found)
    needs_inputs = _needs_inputs(trial, found, calls)
    inputs = [(tuple(column.shape), column.dtype) for column in trial.batch[:-1]]
    return Cacheable(found, calls, needs_inputs, inputs, found.work / trial.size)


def made_up(inputs: Sequence[Kind], size: int) -> list[Parameter]:
    """Return zeros for inputs that nothing of the loss depends on, for another batch size."""
    return [
        parameter(f"trainer.input.{nth}", (size, *shape[1:]), kind)
        for nth, (shape, kind) in enumerate(inputs)
    ]


def _is_alike(calls: Calls, size: int) -> bool:
    """Tell whether a cell puts out the same kind of tensors at each call, a row a sample."""
    first = calls.outputs[0]
    rows = first is not None and all(
        len(shape) > 0 and shape[0] == size and kind in _PLAIN for shape, kind in first
    )
    return rows and all(other == first for other in calls.outputs)


_PLAIN = {
    *(ms.float16, ms.float32, ms.float64, ms.bool_),
    *(ms.int8, ms.int16, ms.int32, ms.int64, ms.uint8, ms.uint16, ms.uint32, ms.uint64),
}


def _nothing(trial: CacheProbe, calls: Mapping[str, Calls]) -> str:
    frozen = [p.name for p in trial.plan.parameters if p.state == "frozen"]
    if not frozen:
        return "nothing is frozen"
    owners = [name.rpartition(".")[0] for name in frozen]
    moving = list(dict.fromkeys(o for o in owners if o and o not in calls))
    why = "no output of a frozen cell stays the same while the rest trains"
    if moving:
        return f"{why}; it changes for {shorten(moving)}"
    return why if trial.whole is None else f"{why} to the bit; features.exact=false may find one"


def _check_rows(trial: CacheProbe, found: Boundary) -> None:
    """Check that a sample's features do not depend on the others of its batch.

    Raises:
        NotCacheable: they do.
    """
    *inputs, _ = trial.batch
    alone = [Tensor(np.repeat(c.asnumpy()[:1], trial.size, axis=0)) for c in inputs]
    one = constant_outputs.outputs(trial.net, found.stored, inputs)
    other = constant_outputs.outputs(trial.net, found.stored, alone)
    mixed = [name for name in found.stored if not _same_rows(one[name], other[name])]
    if mixed:
        raise NotCacheable(f"what {shorten(mixed)} put out for a sample depends on its whole batch")


def _same_rows(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    """Tell whether all rows of the second are like the first row of the one."""
    pairs = zip(one, other, strict=True)
    return all(close(np.broadcast_to(first[:1], rows.shape), rows) for first, rows in pairs)


def _needs_inputs(trial: CacheProbe, found: Boundary, calls: Mapping[str, Calls]) -> bool:
    """Tell whether the net needs its inputs besides the features.

    Raises:
        NotCacheable: loss and gradients are not those of the whole net even with them.
    """
    *inputs, label = trial.batch
    made = constant_outputs.outputs(trial.net, found.stored, inputs)
    features = [Tensor(array) for name in found.stored for array in made[name]]
    whole = _answers(trial, trial.net, trial.batch)
    if not _alike(whole, _answers(trial, trial.net, trial.batch)):
        raise NotCacheable("the net draws at random in a way that cannot be repeated")

    def tried(others: Batch | None, *columns: Tensor) -> bool:
        detour = FeatureReplay(trial.net, found, calls, trial.size, others)
        with detour.replayed():
            return _alike(whole, _answers(trial, detour.tail, [*columns, label]))

    if all(tried(others, *features) for others in _others(inputs, trial.size)):
        return False
    if tried(None, *features, *inputs):
        return True
    where = ", ".join(found.stored)
    raise NotCacheable(f"with the outputs of {where} given, the loss or a gradient is another")


def _others(inputs: Batch, size: int) -> list[Batch]:
    """Return other inputs than these, of the same shapes: all 0, and in another order."""
    kinds = [(tuple(column.shape), column.dtype) for column in inputs]
    return [made_up(kinds, size), batches.reversed_batch(inputs)]


def _answers(trial: CacheProbe, net: nn.Cell, batch: Batch) -> list[NDArray[Any]]:
    """Return the loss of a net, the gradients of what trains, and the loss in inference mode."""
    with dry_run.eager_mode(), dry_run.preserve_state(trial.net):
        applied = FrozenModel(trial.net, trial.plan)
        try:
            applied.set_train()
            trial.restart()
            weights = ParameterTuple(applied.trainable)
            loss, gradients = ms.value_and_grad(forward(net, trial.loss), None, weights)(*batch)
            trial.net.set_train(False)
            inferred = forward(net, trial.loss)(*batch)
            return [each.asnumpy() for each in (loss, *gradients, inferred)]
        finally:
            applied.undo()
            trial.restart()


def _alike(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    return all(same_bits(*pair) for pair in zip(one, other, strict=True))

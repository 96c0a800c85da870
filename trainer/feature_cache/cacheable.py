"""Finds which outputs of a frozen part can be stored, by trying it before anything trains."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph import dry_run
from trainer.core.tensors import close, same_bits
from trainer.core.text import shorten
from trainer.data import batches
from trainer.engine.train_step import forward
from trainer.feature_cache import constant_outputs
from trainer.feature_cache.boundary import Boundary, find_boundary
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.capture import FeatureCapture
from trainer.feature_cache.constant_outputs import Calls, TensorSpec
from trainer.feature_cache.replay import Compile, FeatureReplay, uncached, zero_parameter
from trainer.freezing.frozen_model import FrozenModel


class NotCacheable(Exception):
    """The outputs of a frozen part cannot be stored; the message says why."""


@dataclass(frozen=True)
class Cacheable:
    """The outputs of a model that can be stored.

    Attributes:
        boundary: where the constant part of the model ends.
        calls: what the cells returned for the samples of the probe.
        needs_inputs: whether the part that trains also reads the inputs themselves.
        input_specs: shape and type of each input of the probe.
        macs: multiply-adds of convolutions and matrix products that are saved per sample.
    """

    boundary: Boundary
    calls: Mapping[str, Calls]
    needs_inputs: bool
    input_specs: Sequence[TensorSpec]
    macs: float

    def feature_specs(self) -> list[TensorSpec]:
        """Return shape and type of each feature, for the samples of the probe."""
        firsts = (self.calls[name].outputs[0] for name in self.boundary.stored)
        return [spec for first in firsts for spec in first or ()]

    def follows(self, earlier: "Cacheable") -> bool:
        """Return whether these outputs are computed from nothing but those of an earlier one."""
        cells = earlier.boundary.computed.union(earlier.boundary.stored)
        return not earlier.needs_inputs and cells.issuperset(self.boundary.stored)

    def has_boundary_of(self, other: "Cacheable") -> bool:
        """Return whether the same outputs are stored in the same way."""
        specs = self.feature_specs(), [*self.input_specs]
        same_specs = specs == (other.feature_specs(), [*other.input_specs])
        return self.boundary.stored == other.boundary.stored and same_specs

    def replay(self, model: nn.Cell, size: int, compile: Compile = uncached) -> FeatureReplay:
        """Return a model of the same kind without its constant part, for batches of one size."""
        inputs = None if self.needs_inputs else zero_inputs(self.input_specs, size)
        return FeatureReplay(model, self.boundary, self.calls, size, inputs, compile)

    def capture(
        self, model: nn.Cell, size: int, compile: Compile, source: FeatureReplay | None
    ) -> FeatureCapture:
        """Return what computes the features of batches of one size; see ``FeatureCapture``."""
        return FeatureCapture(model, self.boundary, self.calls, size, compile, source)


def find_cacheable(probe: CacheProbe) -> Cacheable:
    """Return the outputs that can be stored: the constant ones that lie nearest to the loss.

    Raises:
        NotCacheable: there are none; the message says why.
    """
    graph = probe.graph()
    calls, constant = constant_outputs.find_constant(
        probe.model, probe.plan, probe.batch, probe.reset_dropout
    )
    trained = [p.name for p in probe.plan.parameters if p.state != "frozen"]
    uniform = {name for name in calls if _is_uniform(calls[name], probe.size)}
    candidates = _candidates(probe, calls, uniform & constant)
    boundary = find_boundary(graph, trained, constant, candidates, uniform)
    if not boundary.stored or not boundary.macs:
        raise NotCacheable(_why_nothing(probe, constant))
    boundary = _checked(probe, boundary, calls)
    needs_inputs = _needs_inputs(probe, boundary, calls)
    return Cacheable(
        boundary, calls, needs_inputs, _specs(probe.batch[:-1]), boundary.macs / probe.size
    )


def _candidates(probe: CacheProbe, calls: Mapping[str, Calls], uniform: Set[str]) -> Set[str]:
    """Return the cells that are called once and, if that matters, exact in any position."""
    called_once = {name for name in uniform if len(calls[name].outputs) == 1}
    if probe.full_batch is None:
        return called_once
    return called_once & probe.exact(probe.full_batch)


def _specs(columns: Batch) -> list[TensorSpec]:
    return [(tuple(column.shape), column.dtype) for column in columns]


def zero_inputs(specs: Sequence[TensorSpec], size: int) -> list[Parameter]:
    """Return zeros in the place of inputs that the loss does not depend on, for a batch size."""
    return [
        zero_parameter(f"trainer.input.{nth}", (size, *shape[1:]), dtype)
        for nth, (shape, dtype) in enumerate(specs)
    ]


def _is_uniform(calls: Calls, size: int) -> bool:
    """Return whether each call of a cell returns the same shapes and types, a row per sample."""
    first = calls.outputs[0]
    rows = first is not None and all(
        len(shape) > 0 and shape[0] == size and dtype in _STORED_TYPES for shape, dtype in first
    )
    return rows and all(other == first for other in calls.outputs)


_STORED_TYPES = {
    *(ms.float16, ms.float32, ms.float64, ms.bool_),
    *(ms.int8, ms.int16, ms.int32, ms.int64, ms.uint8, ms.uint16, ms.uint32, ms.uint64),
}


def _why_nothing(probe: CacheProbe, constant: Set[str]) -> str:
    owners = [name.rpartition(".")[0] for name in probe.plan.names("frozen")]
    changing = list(dict.fromkeys(owner for owner in owners if owner and owner not in constant))
    reason = "no output of a frozen cell is constant while the rest trains"
    if changing:
        return f"{reason}; the output of {shorten(changing)} changes"
    if probe.full_batch is None:
        return reason
    return f"{reason}, or none is exact; features.exact=false may find one"


def _checked(probe: CacheProbe, boundary: Boundary, calls: Mapping[str, Calls]) -> Boundary:
    """Check that the features of a sample do not depend on the rest of its batch.

    Returns:
        The boundary, behind which nothing is left out if the features would then differ.

    Raises:
        NotCacheable: they depend on it.
    """
    *inputs, _ = probe.batch
    repeated = [Tensor(np.repeat(c.asnumpy()[:1], probe.size, axis=0)) for c in inputs]
    one = constant_outputs.record_outputs(probe.model, boundary.stored, inputs)
    other = constant_outputs.record_outputs(probe.model, boundary.stored, repeated)
    mixed = [name for name in boundary.stored if not _same_rows(one[name], other[name])]
    if mixed:
        raise NotCacheable(
            f"the output of {shorten(mixed)} for a sample depends on its whole batch"
        )
    capture = FeatureCapture(probe.model, boundary, calls, probe.size, lambda _, cell: cell)
    with dry_run.eager_mode(), dry_run.preserve_state(probe.model):
        captured = capture(inputs)
    same = _have_same_bits([array for name in boundary.stored for array in one[name]], captured)
    return boundary if same else replace(boundary, behind=())


def _same_rows(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    """Return whether all rows of the second are close to the first row of the first."""
    pairs = zip(one, other, strict=True)
    return all(close(np.broadcast_to(first[:1], rows.shape), rows) for first, rows in pairs)


def _needs_inputs(probe: CacheProbe, boundary: Boundary, calls: Mapping[str, Calls]) -> bool:
    """Return whether the part that trains needs the inputs in addition to the features.

    Raises:
        NotCacheable: loss and gradients are not those of the whole model even with the inputs.
    """
    *inputs, label = probe.batch
    outputs = constant_outputs.record_outputs(probe.model, boundary.stored, inputs)
    features = [Tensor(array) for name in boundary.stored for array in outputs[name]]
    expected = _loss_and_gradients(probe, probe.model, probe.batch)
    _check_repeatable(probe, expected)

    def is_equal(constant_inputs: Batch | None, *columns: Tensor) -> bool:
        replay = FeatureReplay(probe.model, boundary, calls, probe.size, constant_inputs)
        with replay.replayed():
            replayed = _loss_and_gradients(probe, replay.tail, [*columns, label])
        return _have_same_bits(expected, replayed)

    if all(is_equal(other, *features) for other in _other_inputs(inputs, probe.size)):
        return False
    if is_equal(None, *features, *inputs):
        return True
    names = ", ".join(boundary.stored)
    raise NotCacheable(f"loss or gradients change when the outputs of {names} are replayed")


def _check_repeatable(probe: CacheProbe, expected: Sequence[NDArray[Any]]) -> None:
    """Check, once for all plans, that a second pass has the same loss and gradients.

    Raises:
        NotCacheable: it has not.
    """
    if probe.facts.is_repeatable:
        return
    if not _have_same_bits(expected, _loss_and_gradients(probe, probe.model, probe.batch)):
        raise NotCacheable("the model draws random numbers in a way that cannot be repeated")
    probe.facts.is_repeatable = True


def _other_inputs(inputs: Batch, size: int) -> list[Batch]:
    """Return two batches of the same shapes: zeros, and the same samples in reverse order."""
    return [zero_inputs(_specs(inputs), size), batches.reversed_batch(inputs)]


def _loss_and_gradients(probe: CacheProbe, model: nn.Cell, batch: Batch) -> list[NDArray[Any]]:
    """Return the loss, the gradients of what trains, and the loss in inference mode."""
    with dry_run.eager_mode(), dry_run.preserve_state(probe.model):
        frozen = FrozenModel(probe.model, probe.plan)
        try:
            frozen.set_train()
            probe.reset_dropout()
            weights = ParameterTuple(frozen.trainable)
            loss, gradients = ms.value_and_grad(forward(model, probe.loss), None, weights)(*batch)
            probe.model.set_train(False)
            inference_loss = forward(model, probe.loss)(*batch)
            return [tensor.asnumpy() for tensor in (loss, *gradients, inference_loss)]
        finally:
            frozen.undo()
            probe.reset_dropout()


def _have_same_bits(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    return all(same_bits(*pair) for pair in zip(one, other, strict=True))

"""Capture: the outputs at a boundary, recorded while the model runs up to it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.feature_cache.boundary import Boundary
from trainer.feature_cache.cell_classes import CellClasses
from trainer.feature_cache.constant_outputs import Calls
from trainer.feature_cache.replay import (
    Compile,
    FeatureReplay,
    feature_parameters,
    uncached,
    zeros_construct,
)


class FeatureCapture:
    """Computes the outputs at a boundary, for batches of one size.

    Args:
        model: any plan may be in effect.
        boundary: where the constant part of the model ends.
        calls: the calls of its cells, by name, for another number of samples.
        size: samples per batch.
        compile: see ``Compile``.
        source: replays an earlier boundary, so that the outputs are computed from the features
            there; None: they are computed from the inputs of the model.
    """

    def __init__(
        self,
        model: nn.Cell,
        boundary: Boundary,
        calls: Mapping[str, Calls],
        size: int,
        compile: Compile = uncached,
        source: FeatureReplay | None = None,
    ) -> None:
        self._model = model
        self._source = source
        self._features: list[Parameter] = []
        constructs: dict[str, Callable[..., Any]] = {}
        for name in boundary.stored:
            features = feature_parameters("captured", name, calls[name], size)
            self._features += features
            constructs[name] = _capture_construct(features, calls[name].several)
        for name in boundary.behind:  # MindSpore would compute them, though nothing needs them
            constructs[name] = zeros_construct(calls[name], size)
        self._classes = CellClasses(model, "Captured", constructs)
        whole = with_dummy_branch(source.tail if source else model)
        self._record = compile("features", OutputCapture(whole, self._features))

    def __call__(self, columns: Batch) -> list[NDArray[Any]]:
        """Return the outputs for the inputs of a batch, or for its features in the source."""
        with ExitStack() as undo:
            for _, cell in self._model.cells_and_names():
                undo.callback(cell.add_flags, training=cell.training)
            self._model.set_train(False)
            if self._source:
                undo.enter_context(self._source.replayed())
            undo.enter_context(self._classes.exchanged())
            self._record(*columns)
        return [np.array(parameter.asnumpy()) for parameter in self._features]


class OutputCapture(nn.Cell):
    """Runs a model for the outputs that its cells record."""

    def __init__(self, model: nn.Cell, features: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.features = ParameterTuple(features)  # for a graph that is read, as those of cells

    def construct(self, *inputs: Tensor) -> int:
        """Return a constant, so that only what is recorded is computed."""
        self.model(*inputs)
        return 0


def _capture_construct(features: Sequence[Parameter], several: bool) -> Callable[..., Any]:
    parameters = tuple(features)

    def capture_several(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = self._original_construct(*args, **kwargs)
        for parameter, output in zip(parameters, outputs):  # noqa: B905 (not in a graph)
            ops.assign(parameter, output)
        return outputs

    def capture(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = self._original_construct(*args, **kwargs)
        ops.assign(parameters[0], output)
        return output

    return capture_several if several else capture

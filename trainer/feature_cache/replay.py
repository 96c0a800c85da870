"""Replaces the constant part of a model by its recorded outputs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from trainer.backend import execution_mode
from trainer.backend.batch_types import Batch
from trainer.feature_cache.boundary import Boundary
from trainer.feature_cache.cell_classes import CellClasses
from trainer.feature_cache.constant_outputs import Calls, TensorSpec

# Returns what to call in place of a cell with the model in it, by the name of its graph. The cell
# is called, and compiled, only while the cells at the boundary have another class.
Compile = Callable[[str, nn.Cell], Callable[..., Any]]


def uncached(name: str, cell: nn.Cell) -> Callable[..., Any]:
    """Return the cell's executable, which is compiled when it is called."""
    return execution_mode.executable(cell)


class FeatureReplay:
    """A model without its constant part, for batches of one size.

    Args:
        model: any plan may be in effect.
        boundary: where the constant part of the model ends.
        calls: the calls of its cells, by name, for another number of samples.
        size: samples per batch.
        inputs: constant inputs for a model whose inputs reach the loss only through the boundary;
            None: the model takes the true inputs.
        compile: see ``Compile``.

    Attributes:
        features: the outputs at the boundary.
        tail: the rest of the model, to be called while the outputs are replayed.
        evaluate: the same, compiled by itself.
    """

    def __init__(
        self,
        model: nn.Cell,
        boundary: Boundary,
        calls: Mapping[str, Calls],
        size: int,
        inputs: Batch | None = None,
        compile: Compile = uncached,
    ) -> None:
        self.features: list[Parameter] = []
        constructs: dict[str, Callable[..., Any]] = {}
        for name in boundary.stored:
            features = feature_parameters("features", name, calls[name], size)
            self.features += features
            constructs[name] = _replay_construct(
                tuple(features) if calls[name].several else features[0]
            )
        for name in boundary.skipped:
            constructs[name] = zeros_construct(calls[name], size)
        self._classes = CellClasses(model, "Replayed", constructs)
        self.tail = TrainableTail(model, self.features, inputs)
        self.evaluate = compile("evaluation", self.tail)

    def replayed(self) -> AbstractContextManager[None]:
        """Give the cells, within the block, the classes that a call of ``tail`` needs."""
        return self._classes.exchanged()


class TrainableTail(nn.Cell):
    """A model as a function of the features at its boundary and, if needed, its inputs."""

    def __init__(self, model: nn.Cell, features: Sequence[Parameter], inputs: Batch | None) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.features = ParameterTuple(features)  # for a graph that is read, as those of cells
        self.inputs = None if inputs is None else _constants(inputs)

    def construct(self, *columns: Tensor) -> Any:
        """Return the output of the model for features and inputs, in this order."""
        for feature, value in zip(self.features, columns):  # noqa: B905 (not in a graph)
            ops.assign(feature, value)
        if self.inputs is not None:
            return self.model(*self.inputs)
        return self.model(*columns[len(self.features) :])


def _constants(inputs: Batch) -> Batch:
    """Return the inputs; parameters as a part of the cell, whose graph may be read."""
    are_parameters = all(isinstance(value, Parameter) for value in inputs)
    return ParameterTuple(inputs) if are_parameters else tuple(inputs)


def zero_parameter(name: str, shape: Sequence[int], dtype: Any) -> Parameter:
    """Return a parameter of zeros that is not trained."""
    value = Tensor(np.zeros(shape, np.float32)).astype(dtype)
    return Parameter(value, name=name, requires_grad=False)


def feature_parameters(prefix: str, name: str, calls: Calls, size: int) -> list[Parameter]:
    """Return a parameter of zeros for each tensor that a cell returns, for batches of one size."""
    return [
        zero_parameter(f"trainer.{prefix}.{name}.{nth}", (size, *shape[1:]), dtype)
        for nth, (shape, dtype) in enumerate(_first_call(calls))
    ]


def _first_call(calls: Calls) -> Sequence[TensorSpec]:
    first = calls.outputs[0]
    assert first is not None, "a cell at the boundary returns tensors only"
    return first


def _replay_construct(output: Any) -> Callable[..., Any]:
    def construct(self: Any, *args: Any, **kwargs: Any) -> Any:
        return output

    return construct


def zeros_construct(calls: Calls, size: int) -> Callable[..., Any]:
    """Return a construct that returns new zeros, because an in-place operator may change them."""
    shapes = [(size, *shape[1:]) for shape, _ in _first_call(calls)]
    dtypes = [dtype for _, dtype in _first_call(calls)]
    shape, dtype = shapes[0], dtypes[0]

    def several(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple([ops.zeros(s, d) for s, d in zip(shapes, dtypes)])  # noqa: B905

    def construct(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ops.zeros(shape, dtype)

    return several if calls.several else construct


class ReplayedModel:
    """The interface of a model for an evaluator: it takes batches of features."""

    def __init__(self, model: nn.Cell, replay: Callable[[int], FeatureReplay]) -> None:
        self._model = model
        self._replay = replay

    def set_train(self, mode: bool) -> None:
        """Set the model to training or inference mode."""
        self._model.set_train(mode)

    def __call__(self, *columns: Tensor) -> Any:
        """Return the output of the model."""
        replay = self._replay(columns[0].shape[0])
        replay.tail.set_train(self._model.training)
        with replay.replayed():
            return replay.evaluate(*columns)

"""Replaces the constant part of a model by its recorded outputs.

While a graph is called, and so while it is compiled, the cells at the boundary have another class:
one that records their outputs, or one that returns recorded outputs. Between calls the model is
unchanged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from numpy.typing import NDArray

from trainer.backend import execution_mode
from trainer.backend.batch_types import Batch
from trainer.backend.cell_patch import subclass_with_construct
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.feature_cache.boundary import Boundary
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
        self._cells = dict(model.cells_and_names())
        self._model = model
        self._classes: dict[tuple[str, str, type], type] = {}
        self.features: list[Parameter] = []
        self._capturing: dict[str, Callable[..., Any]] = {}
        self._replaying: dict[str, Callable[..., Any]] = {}
        for name in boundary.stored:
            self._add_stored(name, calls[name], size)
        for name in boundary.skipped:
            self._replaying[name] = _zeros_construct(calls[name], size)
        self.tail = TrainableTail(model, self.features, inputs)
        self.evaluate = compile("evaluation", self.tail)
        capture = OutputCapture(with_dummy_branch(model), self.features)
        self._record = compile("features", capture)

    def _add_stored(self, name: str, calls: Calls, size: int) -> None:
        features = [
            zero_parameter(f"trainer.features.{name}.{nth}", (size, *shape[1:]), dtype)
            for nth, (shape, dtype) in enumerate(_first_call(calls))
        ]
        self.features += features
        output = tuple(features) if calls.several else features[0]
        self._capturing[name] = _capture_construct(features, calls.several)
        self._replaying[name] = _replay_construct(output)

    def capture(self, inputs: Batch) -> list[NDArray[Any]]:
        """Return the outputs at the boundary for the inputs of a batch."""
        with ExitStack() as undo:
            for cell in self._cells.values():
                undo.callback(cell.add_flags, training=cell.training)
            self._model.set_train(False)
            undo.enter_context(self._exchange_classes("Captured", self._capturing))
            self._record(*inputs)
        return [np.array(parameter.asnumpy()) for parameter in self.features]

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Give the cells, within the block, the classes that a call of ``tail`` needs."""
        with self._exchange_classes("Replayed", self._replaying):
            yield

    @contextmanager
    def _exchange_classes(
        self, title: str, constructs: Mapping[str, Callable[..., Any]]
    ) -> Iterator[None]:
        with ExitStack() as undo:
            for name, construct in constructs.items():
                cell = self._cells[name]
                key = title, name, type(cell)  # a plan may also have given it another class
                if key not in self._classes:
                    self._classes[key] = subclass_with_construct(
                        type(cell), title, construct, "_original_construct"
                    )
                undo.callback(setattr, cell, "__class__", type(cell))
                cell.__class__ = self._classes[key]
            yield


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


def _first_call(calls: Calls) -> Sequence[TensorSpec]:
    first = calls.outputs[0]
    assert first is not None, "a cell at the boundary returns tensors only"
    return first


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


def _replay_construct(output: Any) -> Callable[..., Any]:
    def construct(self: Any, *args: Any, **kwargs: Any) -> Any:
        return output

    return construct


def _zeros_construct(calls: Calls, size: int) -> Callable[..., Any]:
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

"""Detour: a net whose still part is left out, its outputs being given instead.

The cells at the boundary get other classes while a graph is called, and so while it is compiled:
one that notes their outputs, or one that gives what was noted. Between calls the net is as it was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.cell_patch import subclass_with_construct
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.feature_cache.boundary import Boundary
from trainer.feature_cache.constant_outputs import Calls, TensorSpec


class FeatureReplay:
    """A net without its still part, for batches of one size.

    Args:
        net: the net; any plan may be in effect.
        boundary: of it.
        calls: what its cells put out, by name, for another number of samples.
        size: samples a batch.
        inputs: what the net takes where nothing of it reaches the loss but through the boundary;
            None: it takes the inputs themselves.
    """

    def __init__(
        self,
        net: nn.Cell,
        boundary: Boundary,
        calls: Mapping[str, Calls],
        size: int,
        inputs: Batch | None = None,
    ) -> None:
        self._cells = dict(net.cells_and_names())
        self._net = net
        self._kinds: dict[tuple[str, str, type], type] = {}
        self.features: list[Parameter] = []
        self._capturing: dict[str, Callable[..., Any]] = {}
        self._replaying: dict[str, Callable[..., Any]] = {}
        for name in boundary.stored:
            made = [
                zero_parameter(f"trainer.features.{name}.{nth}", (size, *shape[1:]), kind)
                for nth, (shape, kind) in enumerate(_first_call(calls[name]))
            ]
            self.features += made
            given = tuple(made) if calls[name].several else made[0]
            self._capturing[name] = _capture_construct(made, calls[name].several)
            self._replaying[name] = _replay_construct(given)
        for name in boundary.skipped:
            self._replaying[name] = _zeros_construct(calls[name], size)
        self.tail = TrainableTail(net, self.features, inputs)
        self._head = OutputCapture(with_dummy_branch(net))

    def capture(self, inputs: Batch) -> list[NDArray[Any]]:
        """Return the outputs at the boundary for a batch's inputs; changes nothing in the net."""
        with ExitStack() as undo:
            for cell in self._cells.values():
                undo.callback(cell.add_flags, training=cell.training)
            self._net.set_train(False)
            undo.enter_context(self._exchange_classes("Captured", self._capturing))
            self._head(*inputs)
        return [np.array(parameter.asnumpy()) for parameter in self.features]

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Give the net's cells, in the block, the classes that ``tail`` is to be called with."""
        with self._exchange_classes("Replayed", self._replaying):
            yield

    @contextmanager
    def _exchange_classes(
        self, title: str, constructs: Mapping[str, Callable[..., Any]]
    ) -> Iterator[None]:
        with ExitStack() as undo:
            for name, construct in constructs.items():
                cell = self._cells[name]
                place = title, name, type(cell)  # a plan too may have given it another class
                if place not in self._kinds:
                    self._kinds[place] = subclass_with_construct(
                        type(cell), title, construct, "_unnoted"
                    )
                undo.callback(setattr, cell, "__class__", type(cell))
                cell.__class__ = self._kinds[place]
            yield


class OutputCapture(nn.Cell):
    """Runs a net for what its cells note on the way."""

    def __init__(self, net: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.net = net

    def construct(self, *inputs: Tensor) -> int:
        """Return nothing of use: what is not noted need not be computed."""
        self.net(*inputs)
        return 0


class TrainableTail(nn.Cell):
    """A net as a function of the features at its boundary and, if it needs them, its inputs."""

    def __init__(self, net: nn.Cell, features: Sequence[Parameter], inputs: Batch | None) -> None:
        super().__init__(auto_prefix=False)
        self.net = net
        self.features = tuple(features)
        self.inputs = None if inputs is None else tuple(inputs)

    def construct(self, *columns: Tensor) -> Any:
        """Return what the net returns for features and inputs, in this order."""
        for feature, value in zip(self.features, columns):  # noqa: B905 (not in a graph)
            ops.assign(feature, value)
        if self.inputs is not None:
            return self.net(*self.inputs)
        return self.net(*columns[len(self.features) :])


def zero_parameter(name: str, shape: Sequence[int], kind: Any) -> Parameter:
    """Return a parameter of zeros that is not trained."""
    value = Tensor(np.zeros(shape, np.float32)).astype(kind)
    return Parameter(value, name=name, requires_grad=False)


def _first_call(calls: Calls) -> Sequence[TensorSpec]:
    first = calls.outputs[0]
    assert first is not None, "what is anything but tensors cannot be at a boundary"
    return first


def _capture_construct(features: Sequence[Parameter], several: bool) -> Callable[..., Any]:
    parameters = tuple(features)

    def several_noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = self._unnoted(*args, **kwargs)
        for parameter, output in zip(parameters, outputs):  # noqa: B905 (not in a graph)
            ops.assign(parameter, output)
        return outputs

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = self._unnoted(*args, **kwargs)
        ops.assign(parameters[0], output)
        return output

    return several_noted if several else noted


def _replay_construct(given: Any) -> Callable[..., Any]:
    def construct(self: Any, *args: Any, **kwargs: Any) -> Any:
        return given

    return construct


def _zeros_construct(calls: Calls, size: int) -> Callable[..., Any]:
    """Return a construct that gives zeros: operators that work in place are run all the same."""
    made = [(size, *shape[1:]) for shape, _ in _first_call(calls)]
    kinds = [kind for _, kind in _first_call(calls)]
    shape, kind = made[0], kinds[0]

    def several(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple([ops.zeros(s, k) for s, k in zip(made, kinds)])  # noqa: B905

    def construct(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ops.zeros(shape, kind)

    return several if calls.several else construct

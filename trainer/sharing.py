"""Sharing: the compiled graphs of one run, used for the next in the same process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops
from mindspore.common.initializer import Initializer
from mindspore.ops import Primitive

from trainer import files, jobs, optimizer, restore, step, world
from trainer.score import Evaluator
from trainer.settings import Settings
from trainer.setup import Setup
from trainer.step import Step

_OWN = frozenset(vars(nn.Cell()))  # what MindSpore notes of any cell
_PLAIN = (str, bytes, int, float, bool, type(None), type)


@dataclass
class Compiled:
    """What a run trains with; its graphs are compiled when they are first called.

    Attributes:
        setup: net, loss and counts are those that the graphs are of.
        scaler: scales the loss; None for float32.
        evaluator: of the net.
        key: what the graphs depend on, besides the net.
        cells: the net, described.
        optimizer: with its state; None until it is made.
        step: one training step; None until it is made.
    """

    setup: Setup
    scaler: amp.LossScaler | None
    evaluator: Evaluator
    key: str
    cells: Mapping[str, Any]
    optimizer: nn.Optimizer | None = None
    step: Step | None = None
    _puts: dict[tuple[str, ...], "_Put"] = field(default_factory=dict)

    def make_optimizer(self, make: Callable[[], nn.Optimizer]) -> nn.Optimizer:
        """Return the optimizer that ``make`` makes, or the one before with its state."""
        made = make()
        if self.optimizer is None:
            self.optimizer = made
            return made
        fresh = optimizer.state(made)
        self._put([(p, fresh[n]) for n, p in optimizer.state(self.optimizer).items()])
        return self.optimizer

    def adopt(self, setup: Setup, scaler: amp.LossScaler | None) -> None:
        """Take over the first values of a run that is to train with these graphs."""
        own, fresh = self.setup, dict(setup.net.parameters_and_names())
        pairs = [(p, fresh[name]) for name, p in own.net.parameters_and_names()]
        others = restore.extra(scaler, setup.drawn)
        pairs += [(p, others[n]) for n, p in restore.extra(self.scaler, own.drawn).items()]
        self._put(pairs)
        self.setup = replace(setup, net=own.net, loss=own.loss, drawn=own.drawn)

    def _put(self, pairs: Sequence[tuple[Parameter, Parameter]]) -> None:
        """Give the first of each pair the value of the second."""
        names = tuple(own.name for own, _ in pairs)
        if names not in self._puts:
            self._puts[names] = _Put([own for own, _ in pairs])
        self._puts[names](*(Tensor(new.asnumpy(), dtype=new.dtype) for _, new in pairs))

    def make_step(self, made: nn.Optimizer) -> Step:
        """Return the step of an optimizer, the one before if it is that optimizer's."""
        if self.step is None or made is not self.optimizer:
            self.step = Step(self.setup.net, self.setup.loss, made, self.scaler)
        return self.step


class _Put(nn.Cell):
    """Sets parameters from within a graph.

    ``Parameter.set_data`` does not reach the graph once it is compiled, where a parameter was
    initialised late, as an optimizer's moments are: they seem to be 0, and go on as they were.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.parameters = ParameterTuple(parameters)

    def construct(self, *values: Tensor) -> int:
        """Set each parameter to the value of the same place."""
        for parameter, value in zip(self.parameters, values):  # noqa: B905 (not in a graph)
            ops.assign(parameter, value)
        return 0


class Graphs:
    """Keeps what the last run of a process was compiled into.

    Attributes:
        runs: how many runs have begun.
    """

    def __init__(self) -> None:
        self._kept: Compiled | None = None
        self.runs = 0

    def take(self, settings: Settings, setup: Setup) -> Compiled:
        """Return what a run is to train with: what is kept, with the run's values, or new."""
        self.runs += 1
        kept, self._kept = self._kept, None
        scaler = step.scaler(settings.device.loss_scale)
        key = jobs.compiled_key(settings) + files.dumps(setup.plan.as_json())
        cells = described(setup.net) | {"loss": described(setup.loss)}
        # What is restored is restored by set_data, which a graph that is compiled does not heed.
        plain = setup.resumed is None and setup.repeatable and not _has_state(setup.loss)
        fits = plain and kept is not None and kept.key == key
        if kept is None or not fits or not alike(kept.cells, cells):
            return Compiled(setup, scaler, _evaluator(setup), key, cells)
        kept.adopt(setup, scaler)
        return kept

    def keep(self, compiled: Compiled) -> None:
        """Keep what a run that ended well was compiled into, for the next."""
        self._kept = compiled


def _has_state(loss: nn.Cell) -> bool:
    return any(True for _ in loss.get_parameters())


def _evaluator(setup: Setup) -> Evaluator:
    return Evaluator(setup.net, setup.loss, world.current())


def described(net: nn.Cell) -> dict[str, Any]:
    """Return what a net that is yet to be compiled consists of, but for its parameters' values."""
    return {name: (type(cell), dict(_parts(cell))) for name, cell in net.cells_and_names()} | {
        f"{name}:": (p.shape, str(p.dtype), p.requires_grad)
        for name, p in net.parameters_and_names()
    }


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two described nets compile to the same graph.

    That is sure only if all they consist of can be compared. A net that drops has classes of its
    own, one that draws may have constants that its seed has made; then they are not alike.
    """
    return _same(one, other)


def _parts(cell: nn.Cell) -> Iterator[tuple[str, Any]]:
    """Yield what a cell holds besides parameters and cells."""
    yield "_primitives", dict(cell._primitives)
    yield "_buffers", dict(cell._buffers)
    for name, value in vars(cell).items():
        if name not in _OWN:
            yield name, copy(value) if isinstance(value, dict | list) else value


def _same(one: Any, other: Any) -> bool:
    """Compare two values; what is of an unknown kind differs."""
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, nn.Cell):
        return isinstance(one, nn.Cell) and type(one) is type(other)
    if isinstance(one, _PLAIN):
        return bool(one == other)
    if isinstance(one, Initializer):  # which has made a value, and is not used again
        return True
    if isinstance(one, Tensor):
        return _same(one.asnumpy(), other.asnumpy())
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Primitive):
        return _same(dict(one.attrs), dict(other.attrs)) and _same(one.init_attrs, other.init_attrs)
    return False

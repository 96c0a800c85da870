"""Alive: the optimizers and compiled graphs of this process, as far as they can be found.

MindSpore keeps no list of them, so they are looked for among the objects that Python's garbage
collector knows: 0.05 s in a process that has trained a small net.
"""

import gc
from collections.abc import Collection, Iterable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from mindspore import Parameter, nn
from mindspore.experimental import optim
from numpy.typing import NDArray

from trainer.backend.optimizer_state import optimizer_state
from trainer.freezing.api import jitted_functions

Optimizer: TypeAlias = nn.Optimizer | optim.Optimizer  # the latter: mindspore.mint.optim too

# What MindSpore's optimizers call a weight's moments: `moments.conv1.weight`.
_FIRST = {"moments", "moment1", "moments1", "moment", "accum", "adam_m", "exp_avg", "momentum_buf"}
_SECOND = {"moment2", "moments2", "adam_v", "exp_avg_sq"}


def live_cells() -> list[nn.Cell]:
    """Return all cells. By type, for ``isinstance`` would wake up what is loaded on first use."""
    found = (each for each in gc.get_objects() if issubclass(type(each), nn.Cell))
    return [cell for cell in found if "_params" in vars(cell)]  # else its __init__ has not run


def optimizers_over(parameters: Iterable[Parameter]) -> list[Optimizer]:
    """Return the optimizers that were given any of some parameters."""
    ids = {id(parameter) for parameter in parameters}
    return [
        cell
        for cell in live_cells()
        if isinstance(cell, Optimizer) and ids & {id(p) for p in parameters_of(cell)}
    ]


def parameters_of(optimizer: Optimizer) -> Collection[Parameter]:
    """Return the parameters that an optimizer was given, groups or not."""
    return getattr(optimizer, "parameters", ())


class Baseline:
    """What there was at one moment: how far each optimizer had gone, and what was compiled.

    Args:
        net: the net in question; only what has to do with it is kept.
    """

    def __init__(self, net: nn.Cell) -> None:
        found = optimizers_over(net.get_parameters())
        self._steps = WeakKeyDictionary({each: _steps(each) for each in found})
        self._pushes = WeakKeyDictionary({each: _pushes(each) for each in found})
        ids = {id(cell) for _, cell in net.cells_and_names()}
        around = [cell for cell in live_cells() if _compiled(cell) and _runs(cell, ids)]
        self._graphs = WeakKeyDictionary({cell: frozenset(_compiled(cell)) for cell in around})
        self._functions = dict(jitted_functions.graphs(ids))

    def had(self, optimizer: Optimizer) -> bool:
        """Tell whether an optimizer existed then."""
        return optimizer in self._steps

    def stepped(self, optimizer: Optimizer) -> bool | None:
        """Tell whether an optimizer has taken a step since; None if it does not count them."""
        now = _steps(optimizer)
        return None if now is None else now != self._steps.get(optimizer, 0)

    def push(self, optimizer: Optimizer, parameter: Parameter) -> NDArray[Any] | None:
        """Return the direction in which an optimizer's moments pushed then; None if in none."""
        return self._pushes.get(optimizer, {}).get(parameter.name)

    def graphs(self, within: Iterable[nn.Cell]) -> list[str]:
        """Return which of some cells run the net only by graphs that had been compiled then."""
        return [
            type(cell).__name__
            for cell in within
            if cell in self._graphs and _compiled(cell) <= self._graphs[cell]
        ]

    def all_graphs(self, optimizer: Optimizer | None = None) -> list[str]:
        """Return all graphs compiled then that run the net, jitted functions included.

        Args:
            optimizer: leave out what does not run this one too.
        """
        names = dict(jitted_functions.graphs({id(optimizer)})) if optimizer else self._functions
        kept = (names[phase] for phase in self._functions if phase in names)
        around = (c for c in self._graphs if optimizer is None or _runs(c, {id(optimizer)}))
        return [*self.graphs(around), *dict.fromkeys(kept)]


def _runs(cell: nn.Cell, ids: Collection[int]) -> bool:
    return any(id(inner) in ids for _, inner in cell.cells_and_names())


def _compiled(cell: nn.Cell) -> set[str]:
    """Return a cell's graphs, but for those in inference mode, which move nothing."""
    phases = vars(cell).get("_compile_cache") or set()
    return {phase for phase in phases if not phase.startswith("predict")}


def _steps(optimizer: Optimizer) -> int | None:
    found = (getattr(optimizer, name, None) for name in ("global_step", "state_step"))
    return next((int(count.asnumpy().item()) for count in found if count is not None), None)


def _pushes(optimizer: Optimizer) -> dict[str, NDArray[Any]]:
    """Return, by parameter, the first moment, over the root of the second if there is one."""
    first, second = (_moments(optimizer, kinds) for kinds in (_FIRST, _SECOND))
    pushes = {
        name: moment / (np.sqrt(second[name]) + 1e-8) if name in second else moment
        for name, moment in first.items()
    }
    return {name: push for name, push in pushes.items() if push.any()}


def _moments(optimizer: Optimizer, kinds: Collection[str]) -> dict[str, NDArray[Any]]:
    split = [(name.partition("."), p) for name, p in optimizer_state(optimizer).items()]
    return {name: p.asnumpy().copy() for (kind, _, name), p in split if name and kind in kinds}

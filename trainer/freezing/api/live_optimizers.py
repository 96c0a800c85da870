"""Live optimizers: the optimizers and compiled graphs of this process, as far as they are found.

MindSpore keeps no list of them, so they are looked up among the objects that Python's garbage
collector tracks: 0.05 s in a process that has trained a small model.
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
_FIRST_MOMENTS = {
    *("moments", "moment1", "moments1", "moment"),
    *("accum", "adam_m", "exp_avg", "momentum_buf"),
}
_SECOND_MOMENTS = {"moment2", "moments2", "adam_v", "exp_avg_sq"}


def live_cells() -> list[nn.Cell]:
    """Return all cells of the process.

    They are told by type, because ``isinstance`` would load modules that load on first use.
    """
    cells = (each for each in gc.get_objects() if issubclass(type(each), nn.Cell))
    return [cell for cell in cells if "_params" in vars(cell)]  # else its __init__ has not run


def optimizers_over(parameters: Iterable[Parameter]) -> list[Optimizer]:
    """Return the optimizers that have any of some parameters."""
    ids = {id(parameter) for parameter in parameters}
    return [
        cell
        for cell in live_cells()
        if isinstance(cell, Optimizer) and ids & {id(p) for p in parameters_of(cell)}
    ]


def parameters_of(optimizer: Optimizer) -> Collection[Parameter]:
    """Return the parameters that an optimizer was built over, in groups or not."""
    return getattr(optimizer, "parameters", ())


class Baseline:
    """The optimizers and graphs at the moment of the freeze: steps taken, and what was compiled.

    Args:
        net: the model; only optimizers and graphs that concern it are recorded.
    """

    def __init__(self, net: nn.Cell) -> None:
        optimizers = optimizers_over(net.get_parameters())
        self._steps = WeakKeyDictionary({each: _step_count(each) for each in optimizers})
        self._momenta = WeakKeyDictionary({each: _momenta(each) for each in optimizers})
        ids = {id(cell) for _, cell in net.cells_and_names()}
        users = [cell for cell in live_cells() if _graphs(cell) and _contains(cell, ids)]
        self._graphs = WeakKeyDictionary({cell: frozenset(_graphs(cell)) for cell in users})
        self._functions = dict(jitted_functions.graphs(ids))

    def has(self, optimizer: Optimizer) -> bool:
        """Tell whether an optimizer existed then."""
        return optimizer in self._steps

    def has_stepped(self, optimizer: Optimizer) -> bool | None:
        """Tell whether an optimizer has taken a step since; None if it does not count steps."""
        steps = _step_count(optimizer)
        return None if steps is None else steps != self._steps.get(optimizer, 0)

    def momentum(self, optimizer: Optimizer, parameter: Parameter) -> NDArray[Any] | None:
        """Return the direction in which an optimizer's moments pushed then; None: no direction."""
        return self._momenta.get(optimizer, {}).get(parameter.name)

    def stale_cells(self, cells: Iterable[nn.Cell]) -> list[str]:
        """Return the classes of those cells that have only graphs compiled by then."""
        return [
            type(cell).__name__
            for cell in cells
            if cell in self._graphs and _graphs(cell) <= self._graphs[cell]
        ]

    def stale_graphs(self, optimizer: Optimizer | None = None) -> list[str]:
        """Return all graphs compiled by then that run the model, including jitted functions.

        Args:
            optimizer: leave out the graphs that do not run this optimizer.
        """
        names = dict(jitted_functions.graphs({id(optimizer)})) if optimizer else self._functions
        functions = (names[phase] for phase in self._functions if phase in names)
        cells = (c for c in self._graphs if optimizer is None or _contains(c, {id(optimizer)}))
        return [*self.stale_cells(cells), *dict.fromkeys(functions)]


def _contains(cell: nn.Cell, ids: Collection[int]) -> bool:
    return any(id(inner) in ids for _, inner in cell.cells_and_names())


def _graphs(cell: nn.Cell) -> set[str]:
    """Return a cell's compiled graphs, except for those in inference mode, which move nothing."""
    phases = vars(cell).get("_compile_cache") or set()
    return {phase for phase in phases if not phase.startswith("predict")}


def _step_count(optimizer: Optimizer) -> int | None:
    counts = (getattr(optimizer, name, None) for name in ("global_step", "state_step"))
    return next((int(count.asnumpy().item()) for count in counts if count is not None), None)


def _momenta(optimizer: Optimizer) -> dict[str, NDArray[Any]]:
    """Return, by parameter, the first moment, over the root of the second if there is one."""
    first, second = (_moments(optimizer, names) for names in (_FIRST_MOMENTS, _SECOND_MOMENTS))
    momenta = {
        name: moment / (np.sqrt(second[name]) + 1e-8) if name in second else moment
        for name, moment in first.items()
    }
    return {name: momentum for name, momentum in momenta.items() if momentum.any()}


def _moments(optimizer: Optimizer, prefixes: Collection[str]) -> dict[str, NDArray[Any]]:
    split = [(name.partition("."), p) for name, p in optimizer_state(optimizer).items()]
    return {
        name: p.asnumpy().copy() for (prefix, _, name), p in split if name and prefix in prefixes
    }

"""Module tree: a model's cells and parameters as plain data, so that a plan needs no MindSpore."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mindspore import Parameter, nn

# Parameters that a forward pass updates by itself, by the names MindSpore gives them.
_STATISTICS = {
    "moving_mean",
    "moving_variance",
    "running_mean",
    "running_var",
    "num_batches_tracked",
}

# Normalisation layers, by the name of their class or of a base class, and what they own.
_NORMALISATION = re.compile(r"Norm(\d[dD])?$")
_SCALES = dict.fromkeys(("gamma", "weight", "scale"), "norm_scale")
_SHIFTS = dict.fromkeys(("beta", "bias", "shift"), "norm_shift")

# The constructs of cells that are only containers and never called.
_NO_CONSTRUCT = {nn.Cell.construct, nn.CellList.construct, nn.CellDict.construct}


@dataclass(frozen=True)
class CellInfo:
    """One cell.

    Attributes:
        name: dotted path from the model's root.
        kind: the name of its class.
        called: whether it is called itself; a container is not.
        aliases: its other names, if several cells share it.
    """

    name: str
    kind: str
    called: bool
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter.

    Attributes:
        name: dotted path from the model's root.
        cells: the cell that owns it, and the cells of its other names; empty for the model itself.
            The path does not show this, because a parameter's own name may contain dots.
        shape: its shape; ``()`` for a scalar.
        nbytes: bytes of its data.
        trainable: the model's own ``requires_grad``.
        statistic: whether a normalisation layer keeps its running statistics in it.
        role: what it is for, one of ``rules.ROLES``.
        aliases: its other names, if it is tied: one parameter under several cells.
        dtype: the type of its values.
    """

    name: str
    cells: tuple[str, ...]
    shape: tuple[int, ...]
    nbytes: int
    trainable: bool
    statistic: bool
    role: str = "weight"
    aliases: tuple[str, ...] = ()
    dtype: str = "float32"

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, starting with ``name``."""
        return (self.name, *self.aliases)

    @property
    def size(self) -> int:
        """The number of its values."""
        return math.prod(self.shape)

    @property
    def cell(self) -> str:
        """The dotted name of the cell that owns it; empty for the model itself."""
        return self.cells[0]


@dataclass(frozen=True)
class ModuleTree:
    """A model's cells and parameters, both in the order of definition, without the root.

    Attributes:
        cells: all cells.
        parameters: all parameters.
        order: names of cells in the order in which the model calls them; empty: not known.
    """

    cells: tuple[CellInfo, ...]
    parameters: tuple[ParameterInfo, ...]
    order: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All dotted names that a pattern may match."""
        cells = (name for c in self.cells for name in (c.name, *c.aliases))
        return (*cells, *(name for p in self.parameters for name in p.names))


def describe(model: nn.Cell) -> ModuleTree:
    """Return the tree of a model. What is tied is listed once, under its first name."""
    cells: dict[int, tuple[nn.Cell, list[str]]] = {}
    parameters: dict[int, tuple[Parameter, nn.Cell, dict[str, str]]] = {}
    for name, cell in _paths(model, "", ()):
        cells.setdefault(id(cell), (cell, []))[1].append(name)
        for own_name, parameter in _owned_parameters(cell):
            path = f"{name}.{own_name}" if name else own_name
            parameters.setdefault(id(parameter), (parameter, cell, {}))[2][path] = name
    return ModuleTree(
        tuple(_cell_info(cell, names) for cell, names in cells.values() if cell is not model),
        tuple(_parameter_info(*entry) for entry in parameters.values()),
    )


def unlocked_statistics(model: nn.Cell) -> list[Parameter]:
    """Return the running statistics that a forward pass may change: all that are not locked."""
    locked = {
        id(parameter)
        for _, cell in model.cells_and_names()
        if getattr(cell, "use_batch_statistics", None) is False
        for _, parameter in cell.parameters_and_names(expand=False)
    }
    named = model.parameters_and_names()
    return [p for name, p in named if is_statistic(name) and id(p) not in locked]


def moving_statistics(model: nn.Cell) -> list[Parameter]:
    """Return the running statistics that training updates, without those that a plan locks."""
    return [
        parameter
        for _, cell in model.cells_and_names()
        if getattr(cell, "use_batch_statistics", False) is not False
        for name, parameter in cell.parameters_and_names(expand=False)
        if is_statistic(name)
    ]


def _paths(cell: nn.Cell, name: str, above: tuple[int, ...]) -> Iterator[tuple[str, nn.Cell]]:
    """Yield every path from the root to a cell, in MindSpore's order, with none left out."""
    yield name, cell
    ancestors = (*above, id(cell))
    for child, inner in cell._cells.items():  # name_cells() leaves second names out
        if inner and id(inner) not in ancestors:  # MindSpore skips empty lists too
            yield from _paths(inner, f"{name}.{child}" if name else child, ancestors)


def _owned_parameters(cell: nn.Cell) -> Iterator[tuple[str, Parameter]]:
    for name, parameter in cell._params.items():  # parameters_and_names leaves second names out
        if parameter is not None:
            yield name, parameter if parameter.inited_param is None else parameter.inited_param


def _cell_info(cell: nn.Cell, names: list[str]) -> CellInfo:
    called = type(cell).construct not in _NO_CONSTRUCT
    return CellInfo(names[0], type(cell).__name__, called, tuple(names[1:]))


def _parameter_info(parameter: Parameter, cell: nn.Cell, places: dict[str, str]) -> ParameterInfo:
    names = list(places)
    return ParameterInfo(
        name=names[0],
        cells=tuple(places.values()),
        shape=tuple(parameter.shape),
        nbytes=parameter.nbytes,
        trainable=parameter.requires_grad,
        statistic=is_statistic(names[0]),
        role=_role(cell, names[0].rpartition(".")[2]),
        aliases=tuple(names[1:]),
        dtype=str(parameter.dtype).lower(),
    )


def _role(cell: nn.Cell, name: str) -> str:
    """Return what a parameter of a cell is for; see ``rules.ROLES``."""
    if any(_NORMALISATION.search(cls.__name__) for cls in type(cell).__mro__):
        return {**_SHIFTS, **_SCALES}.get(name, "weight")
    return "bias" if name == "bias" or name.endswith("_bias") else "weight"


def is_statistic(name: str) -> bool:
    """Tell by its dotted name whether a parameter holds running statistics."""
    return name.rpartition(".")[2] in _STATISTICS

"""Layout: a net's cells and parameters as plain data, so that a plan needs no MindSpore."""

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

# What a cell has for a construct that is only a container, and never called.
_NO_CONSTRUCT = {nn.Cell.construct, nn.CellList.construct, nn.CellDict.construct}


@dataclass(frozen=True)
class CellInfo:
    """One cell: dotted name, class name, and whether it is ever called itself."""

    name: str
    kind: str
    called: bool


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter.

    Attributes:
        name: dotted path from the net's root.
        shape: its shape; ``()`` for a scalar.
        nbytes: bytes of its data.
        trainable: what the net itself says by ``requires_grad``.
        statistic: whether a normalisation layer keeps its running statistics in it.
    """

    name: str
    shape: tuple[int, ...]
    nbytes: int
    trainable: bool
    statistic: bool

    @property
    def cell(self) -> str:
        """Dotted name of the cell that owns it; empty for the net itself."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Layout:
    """A net's cells and parameters, both in the order of definition, the root left out."""

    cells: tuple[CellInfo, ...]
    parameters: tuple[ParameterInfo, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All dotted names that a pattern may take."""
        return (*(c.name for c in self.cells), *(p.name for p in self.parameters))


def read(net: nn.Cell) -> Layout:
    """Return the layout of a net. A tied parameter stands under its first name."""
    cells = tuple(
        CellInfo(name, type(cell).__name__, type(cell).construct not in _NO_CONSTRUCT)
        for name, cell in net.cells_and_names()
        if name
    )
    return Layout(cells, tuple(_info(name, p) for name, p in net.parameters_and_names()))


def _info(name: str, parameter: Parameter) -> ParameterInfo:
    return ParameterInfo(
        name=name,
        shape=tuple(parameter.shape),
        nbytes=parameter.nbytes,
        trainable=parameter.requires_grad,
        statistic=is_statistic(name),
    )


def is_statistic(name: str) -> bool:
    """Tell by its dotted name whether a parameter holds running statistics."""
    return name.rpartition(".")[2] in _STATISTICS

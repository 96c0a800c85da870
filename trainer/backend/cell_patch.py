"""Cell patch: a subclass of a cell's class with another construct, given to cells that exist."""

from collections.abc import Callable
from typing import Any

from mindspore import nn


def subclass_with_construct(
    base: type[nn.Cell], prefix: str, construct: Callable[..., Any], original: str
) -> type[nn.Cell]:
    """Return a subclass of ``base`` with another construct.

    A cell is given it as its ``__class__``. A forward hook would work in PyNative mode, but
    GRAPH_MODE ignores, without an error, the hooks of cells in a ``SequentialCell``, ``CellList``
    or ``CellDict``: it looks for them only where a cell is an attribute of another (2.10).

    Args:
        base: the class.
        prefix: begins the name of the new class.
        construct: compiled into the graph, so it must be simple.
        original: the name under which it calls the construct of ``base``.
    """
    # `super()` within a graph is that of the cell's very class, wherever it is written. The class
    # in between leads it past the construct of `base`, which would otherwise call itself forever.
    name = f"{prefix}{base.__name__}"
    bypass = type(name, (base,), {"construct": super(base, base).construct})
    return type(name, (bypass,), {"construct": construct, original: base.construct})

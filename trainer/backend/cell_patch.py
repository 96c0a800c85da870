"""Wrapped: a class of cells like another, whose construct is put around that one's."""

from collections.abc import Callable
from typing import Any

from mindspore import nn


def subclass_with_construct(
    kind: type[nn.Cell], title: str, construct: Callable[..., Any], inner: str
) -> type[nn.Cell]:
    """Return a class of cells like those of ``kind``, but with another construct.

    A cell is given it as its ``__class__``. A forward hook would do in PyNative mode, but
    GRAPH_MODE ignores, without an error, the hooks of cells in a ``SequentialCell``, ``CellList``
    or ``CellDict``: it looks for them only where a cell is an attribute of another (2.10).

    Args:
        kind: the class.
        title: begins the new one's name.
        construct: compiled into the graph, so it is plain.
        inner: the name under which it calls the construct of ``kind``.
    """
    # `super()` within a graph is that of the cell's very class, wherever it is written. The class
    # in between leads it past the construct of `kind`, which would call itself for ever.
    name = f"{title}{kind.__name__}"
    passed = type(name, (kind,), {"construct": super(kind, kind).construct})
    return type(name, (passed,), {"construct": construct, inner: kind.construct})

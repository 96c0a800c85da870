"""Freeze methods: one module each, all of the same shape, found by their file names.

A method's module has

- ``CUTS: bool``: whether the gradient stops behind the cells, so that what is upstream of them is
  frozen as well;
- ``apply(cells, parameters) -> undo``: freezes and returns a function that takes it all back.
  ``cells`` are the cells to cut behind (empty unless ``CUTS``), ``parameters`` all parameters that
  this method freezes, those upstream of a cut included.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from mindspore import Parameter, nn


class Method(Protocol):
    """The shape of a method's module."""

    CUTS: bool

    def apply(
        self, cells: Sequence["nn.Cell"], parameters: Sequence["Parameter"]
    ) -> Callable[[], None]:
        """Freeze; return what undoes it."""


def names() -> list[str]:
    """Names of all methods, without importing them (and so without MindSpore)."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Method:
    """Return a method by its name."""
    return cast(Method, importlib.import_module(f"{__name__}.{name}"))

"""Recompute: cells whose activations are computed again for the backward pass, not kept for it."""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Any

from mindspore import nn

_CHANGED = ("_recompute_cell", "_has_config_recompute", "_scope")  # by ``Cell.recompute``


def recompute(model: nn.Cell, names: Collection[str]) -> Callable[[], None]:
    """Have cells recompute their activations; return a function that undoes that.

    Call it after whatever changes the cells' constructs, and before anything is compiled.

    Args:
        model: changed in place.
        names: dotted names of cells, none beneath another.
    """
    with ExitStack() as undo:
        for name, cell in model.cells_and_names():
            if name in names:
                for _, inner in cell.cells_and_names():
                    undo.callback(_restore, inner, {key: getattr(inner, key) for key in _CHANGED})
                cell.recompute()
                # MindSpore lists what computes again among the inner cells, where it is no layer.
                again = cell._cells.pop("_recompute_cell", None)
                object.__setattr__(cell, "_recompute_cell", again)
        return undo.pop_all().close


def _restore(cell: nn.Cell, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        object.__setattr__(cell, key, value)

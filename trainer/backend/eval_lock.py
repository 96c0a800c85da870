"""Held: cells kept in inference mode, whatever ``set_train`` is told of the net around them."""

from collections.abc import Sequence
from types import MethodType
from typing import Any

from mindspore import nn

_FLAG = "training"
_ASKED = "_asked_to_train"


def lock_eval(cells: Sequence[nn.Cell]) -> None:
    """Put cells in inference mode and keep them there.

    ``set_train`` reaches a cell by ``add_flags_recursive``, which is replaced on the cell itself. A
    graph never calls it. So it holds normalisation, dropout and all else that asks for
    ``self.training``; a cell that does not ask cannot be held.
    """
    for cell in cells:
        vars(cell)[_ASKED] = cell.training
        cell.add_flags_recursive = MethodType(_add_flags, cell)
        cell.add_flags(training=False)


def unlock_eval(cells: Sequence[nn.Cell]) -> None:
    """Let go of cells; each takes the mode that it was last asked to take."""
    for cell in cells:
        del vars(cell)["add_flags_recursive"]
        cell.add_flags(training=vars(cell).pop(_ASKED))


def _add_flags(cell: nn.Cell, **flags: Any) -> nn.Cell:
    if _FLAG in flags:
        vars(cell)[_ASKED] = flags[_FLAG]
    kept = {**flags, _FLAG: False} if _FLAG in flags else flags
    cell.add_flags(**kept)
    for child in cell.cells():
        child.add_flags_recursive(**flags)
    return cell

"""Eval lock: cells kept in inference mode, whatever ``set_train`` does to the model around them."""

from collections.abc import Sequence
from types import MethodType
from typing import Any

from mindspore import nn

_FLAG = "training"
_REQUESTED = "_requested_training"


def lock_eval(cells: Sequence[nn.Cell]) -> None:
    """Put cells in inference mode and keep them there.

    ``set_train`` reaches a cell by ``add_flags_recursive``, which is replaced on the cell itself. A
    graph never calls it. This locks normalisation, dropout and everything else that reads
    ``self.training``; a cell that does not read it cannot be locked.
    """
    for cell in cells:
        vars(cell)[_REQUESTED] = cell.training
        cell.add_flags_recursive = MethodType(_add_flags, cell)
        cell.add_flags(training=False)


def unlock_eval(cells: Sequence[nn.Cell]) -> None:
    """Release cells; each takes the mode that was last requested for it."""
    for cell in cells:
        del vars(cell)["add_flags_recursive"]
        cell.add_flags(training=vars(cell).pop(_REQUESTED))


def _add_flags(cell: nn.Cell, **flags: Any) -> nn.Cell:
    if _FLAG in flags:
        vars(cell)[_REQUESTED] = flags[_FLAG]
    locked = {**flags, _FLAG: False} if _FLAG in flags else flags
    cell.add_flags(**locked)
    for child in cell.cells():
        child.add_flags_recursive(**flags)
    return cell

"""Cell classes: another construct for some cells of a model, while a block runs.

While a graph is called, and so while it is compiled, these cells have another class. Between calls
the model is unchanged.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from mindspore import nn

from trainer.backend.cell_patch import subclass_with_construct


class CellClasses:
    """The classes of some cells of a model.

    Args:
        model: any plan may be in effect.
        title: begins the names of the classes.
        constructs: the construct of each cell, by its name.
    """

    def __init__(
        self, model: nn.Cell, title: str, constructs: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._cells = dict(model.cells_and_names())
        self._title = title
        self._constructs = constructs
        self._classes: dict[tuple[str, type], type] = {}

    @contextmanager
    def exchanged(self) -> Iterator[None]:
        """Give the cells their other class within the block."""
        with ExitStack() as undo:
            for name, construct in self._constructs.items():
                cell = self._cells[name]
                key = name, type(cell)  # a plan, or an earlier boundary, has other classes
                if key not in self._classes:
                    self._classes[key] = subclass_with_construct(
                        type(cell), self._title, construct, "_original_construct"
                    )
                undo.callback(setattr, cell, "__class__", type(cell))
                cell.__class__ = self._classes[key]
            yield

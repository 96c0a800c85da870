"""Labels from the cells of a table: one class, several classes, or numbers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .image_list import natural_order

if TYPE_CHECKING:
    from .table import Columns

Cells = Sequence[Sequence[Any]]
"""The values of each label column."""

Labels = tuple[NDArray[Any], tuple[str, ...]]
"""Labels as in `ImageList`, and the names of their classes."""


def parse_class(cells: Cells, columns: "Columns") -> Labels:
    """Return [N] int32 class indices; classes are in natural order."""
    if len(cells) != 1:
        raise DataError(f"label_type=class: expected one label column, received {columns.labels}")
    names = [_name(cell, number) for number, cell in enumerate(cells[0], 1)]
    classes = natural_order(set(names))
    index = {name: at for at, name in enumerate(classes)}
    return np.array([index[name] for name in names], np.int32), classes


def parse_multi_label(cells: Cells, columns: "Columns") -> Labels:
    """Return [N, classes] float32 of 0 and 1, from names in one column or from several columns."""
    if len(cells) == 1:
        return _multi_hot(cells[0], columns.separator)
    labels, _ = parse_number(cells, columns)
    rows, places = np.nonzero((labels != 0) & (labels != 1))
    if len(rows):
        raise DataError(
            f"row {rows[0] + 1}: expected 0 or 1 in column '{columns.labels[places[0]]}', received "
            f"{labels[rows[0], places[0]]:g}"
        )
    return labels, tuple(columns.labels)


def parse_number(cells: Cells, columns: "Columns") -> Labels:
    """Return [N, K] float32 numbers of K columns; they have no classes.

    One column is [N, 1] as well, the shape in which a model with one output returns it.
    """
    numbers = [
        [_number(cell, row, name) for row, cell in enumerate(column, 1)]
        for name, column in zip(columns.labels, cells, strict=True)
    ]
    return np.array(numbers, np.float32).T.copy(), ()


PARSERS: dict[str, Callable[[Cells, "Columns"], Labels]] = {
    "class": parse_class,
    "multi_label": parse_multi_label,
    "number": parse_number,
}


def _multi_hot(cells: Sequence[Any], separator: str) -> Labels:
    """An empty cell is an image without labels."""
    rows = [_names(cell, separator) for cell in cells]
    classes = natural_order({name for row in rows for name in row})
    if not classes:
        raise DataError("row 1: expected a label in at least one row, received none")
    index = {name: at for at, name in enumerate(classes)}
    labels = np.zeros((len(rows), len(classes)), np.float32)
    for at, row in enumerate(rows):
        labels[at, [index[name] for name in row]] = 1
    return labels, classes


def _names(cell: Any, separator: str) -> list[str]:
    """Return the names in a cell; in Parquet it may be a list."""
    parts = cell if isinstance(cell, list) else str("" if cell is None else cell).split(separator)
    return [name for part in parts if (name := str(part).strip())]


def _name(cell: Any, row: int) -> str:
    if cell is None or cell == "" or cell != cell:  # only nan differs from itself
        raise DataError(f"row {row}: expected a label, received none")
    return str(cell)


def _number(cell: Any, row: int, column: str) -> float:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise DataError(f"row {row}: expected a number in column '{column}', received '{cell}'")
    return number

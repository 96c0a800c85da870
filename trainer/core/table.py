"""Table: rows as aligned text.

tabulate would strip the leading spaces of cells, with which trees are drawn, and rich draws for a
terminal of some width.
"""

from collections.abc import Collection, Iterable, Sequence
from unicodedata import category, east_asian_width


def table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Return rows as aligned text: the columns in ``left`` to the left, the others to the right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths, left) for row in rows)


def _aligned(row: Iterable[str], widths: Iterable[int], left: Collection[int]) -> str:
    cells = enumerate(zip(row, widths, strict=True))
    return "  ".join(_padded(cell, width, at in left) for at, (cell, width) in cells).rstrip()


def _padded(cell: str, width: int, is_left: bool) -> str:
    space = " " * (width - _width(cell))
    return cell + space if is_left else space + cell


def _width(cell: str) -> int:
    """Return the columns of a terminal that a text takes: two for a Chinese character."""
    if cell.isascii():
        return len(cell)
    wide = sum(east_asian_width(character) in "WF" for character in cell)
    return len(cell) + wide - sum(category(character) in ("Mn", "Me") for character in cell)

"""Table: rows as aligned text.

tabulate would strip the leading spaces of cells, with which trees are drawn, and rich draws for a
terminal of some width.
"""

from collections.abc import Collection, Iterable, Sequence


def table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Return rows as aligned text: the columns in ``left`` to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths, left) for row in rows)


def _aligned(row: Iterable[str], widths: Iterable[int], left: Collection[int]) -> str:
    cells = enumerate(zip(row, widths, strict=True))
    return "  ".join(
        cell.ljust(width) if at in left else cell.rjust(width) for at, (cell, width) in cells
    ).rstrip()

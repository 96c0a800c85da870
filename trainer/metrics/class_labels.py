"""Class labels: how tables and pictures name a class."""

from collections.abc import Sequence

from trainer.core.text import printable

_MOST = 24  # characters of a name


def class_label(index: int, names: Sequence[str]) -> str:
    """Return the index of a class with its name, if it has one, in one line that fits a column."""
    if index >= len(names):
        return str(index)
    name = printable(names[index])
    return f"{index} {name if len(name) <= _MOST else name[: _MOST - 3].rstrip() + '...'}"

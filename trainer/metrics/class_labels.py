"""Class labels: how tables and pictures name a class."""

from collections.abc import Sequence

_MOST = 24  # characters of a name


def class_label(index: int, names: Sequence[str]) -> str:
    """Return the index of a class with its name, if it has one, shortened to fit a column."""
    if index >= len(names):
        return str(index)
    name = names[index]
    return f"{index} {name if len(name) <= _MOST else name[: _MOST - 3].rstrip() + '...'}"

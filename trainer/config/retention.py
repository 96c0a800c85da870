"""Retention: which epochs the store retains, during the run and after it. Pure Python."""

import re
from collections.abc import Sequence

# A resume starts from one of the last two checkpoints, and another one may not be complete when an
# epoch ends. The table of changes needs the weights of that epoch, and of the first.
_TRAIL = 4
_EVERY = re.compile(r"every:([1-9]\d{0,4})")


def problem(keep: str) -> str | None:
    """Return the problem of a value of ``snapshot.keep``, or None."""
    if keep in ("all", "last", "off") or _EVERY.fullmatch(keep):
        return None
    return f"expected all, last, off or every:N with N from 1 to 99999, received {keep!r}"


def surplus(epochs: Sequence[int], keep: str, done: bool) -> list[int]:
    """Return the epochs that are removed.

    Args:
        epochs: those in the store, ascending.
        keep: ``all``, ``last``, ``off``, or ``every:N``: each Nth, the first and the last.
        done: whether the run has finished; before, a resume needs the first and the latest.
    """
    if keep == "all":
        return []
    match = _EVERY.fullmatch(keep)
    retained = {epoch for epoch in epochs if match and epoch % int(match[1]) == 0}
    if keep != "off":
        retained |= set(epochs[-1:])
    if not done:
        retained |= {*epochs[:1], *epochs[-_TRAIL:]}
    return [epoch for epoch in epochs if epoch not in retained]


def densest(epochs: Sequence[int], done: bool) -> int | None:
    """Return the epoch to remove next: the one in the middle with the nearest neighbours.

    Args:
        epochs: those in the store, ascending; the first and the last are never removed.
        done: whether the run has finished; before, the latest are retained as well.
    """
    stop = len(epochs) - (1 if done else _TRAIL)
    middle = range(1, stop)
    nearest = min(middle, key=lambda at: epochs[at + 1] - epochs[at - 1], default=None)
    return None if nearest is None else epochs[nearest]

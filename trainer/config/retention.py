"""Retention: which epochs stay in the store, now and when the run is over. Pure Python."""

import re
from collections.abc import Sequence

# A resume begins at one of the last two checkpoints, and another may still be being written when an
# epoch ends. The table of changes needs the weights of that epoch, and of the first.
_TRAIL = 4
_EVERY = re.compile(r"every:([1-9]\d{0,4})")


def problem(keep: str) -> str | None:
    """Return what is wrong with a value of ``snapshot.keep``, or None."""
    if keep in ("all", "last", "off") or _EVERY.fullmatch(keep):
        return None
    return f"expected all, last, off or every:N with N from 1 to 99999, received {keep!r}"


def surplus(epochs: Sequence[int], keep: str, done: bool) -> list[int]:
    """Return the epochs that go.

    Args:
        epochs: those there, ascending.
        keep: ``all``, ``last``, ``off``, or ``every:N``: each Nth, the first and the last.
        done: whether the run came to its end; before, a resume needs the first and the latest.
    """
    if keep == "all":
        return []
    match = _EVERY.fullmatch(keep)
    stay = {epoch for epoch in epochs if match and epoch % int(match[1]) == 0}
    if keep != "off":
        stay |= set(epochs[-1:])
    if not done:
        stay |= {*epochs[:1], *epochs[-_TRAIL:]}
    return [epoch for epoch in epochs if epoch not in stay]


def densest(epochs: Sequence[int], done: bool) -> int | None:
    """Return the epoch that is missed least: of the middle, with the nearest neighbours.

    Args:
        epochs: those there, ascending; the first and the last never go.
        done: whether the run came to its end; before, the latest stay as well.
    """
    stop = len(epochs) - (1 if done else _TRAIL)
    middle = range(1, stop)
    nearest = min(middle, key=lambda at: epochs[at + 1] - epochs[at - 1], default=None)
    return None if nearest is None else epochs[nearest]

"""Short texts for messages."""

from collections.abc import Sequence

_SHOWN = 3
_LENGTH = 300


def shorten(names: Sequence[str]) -> str:
    """Return the first names of several, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def first_line(error: Exception) -> str:
    """Return the text of an error in one line, without the stack that MindSpore adds."""
    text = str(error).strip(" -\n").partition("\n---")[0]
    return " ".join(text.split())[:_LENGTH] or type(error).__name__

"""Short texts for messages."""

from collections.abc import Sequence

_SHOWN = 3
_LENGTH = 300


def shorten(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Return the first names of several, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def first_rows(rows: Sequence[str], limit: int = 10) -> list[str]:
    """Return rows, at most ``limit``: the first ones, and a row with the number of the others."""
    if len(rows) <= limit:
        return list(rows)
    return [*rows[: limit - 1], f"  and {len(rows) - limit + 1:,} more"]


def quantity(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: ``1 epoch``, ``2 epochs``, ``1,000 batches``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """Return a share as whole percent; with decimals where it would round to 0 or 100 %."""
    rounded = (f"{share:.{decimals}%}" for decimals in range(4))
    return next((t for t in rounded if float(t[:-1]) not in (0, 100)), f"{share:.0%}")


def clip(text: str, limit: int = 120) -> str:
    """Return a text of at most ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def first_line(error: Exception) -> str:
    """Return the text of an error in one line, without the stack that MindSpore adds."""
    text = str(error).strip(" -\n").partition("\n---")[0]
    return " ".join(text.split())[:_LENGTH] or type(error).__name__


def printable(text: str) -> str:
    """Return a text for a screen: what cannot be printed, or is no UTF-8, is escaped."""
    known = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in known)


def ellipsis(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters, cut in its middle, in one line."""
    line = printable(text)
    tail = (limit - 1) // 3
    return line if len(line) <= limit else f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"

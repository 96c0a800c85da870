"""Rules: which cells and parameters are taken, by dotted name. Pure Python."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

_REGEX = "re:"


@dataclass(frozen=True)
class Rule:
    """Patterns, and how what they take is treated.

    Attributes:
        patterns: plain names, globs, or ``re:`` and a regular expression.
        method: name of a module in ``trainer.methods``.
        cuts: whether that method stops the gradient, and so freezes what lies upstream too.
        norm: ``eval``: normalisation in the frozen part uses and keeps its stored statistics and
            dropout is off; ``train``: both go on as in training.
    """

    patterns: tuple[str, ...]
    method: str
    cuts: bool
    norm: str = "eval"


def problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern's form, or None."""
    if not pattern or pattern == _REGEX:
        return "expected a name, a glob or re:REGEX, received an empty pattern"
    if pattern.startswith(_REGEX):
        try:
            re.compile(pattern.removeprefix(_REGEX))
        except re.error as error:
            return f"expected a regular expression after re:, received {pattern!r} ({error})"
    return None


def takes(pattern: str, name: str) -> bool:
    """Tell whether a pattern takes a dotted name, or a cell that the name lies beneath.

    ``conv1`` takes ``conv1`` and ``conv1.weight``, never ``conv10`` and never ``layer1.conv1``.
    A glob's ``*`` crosses dots; a regular expression must match a whole name.
    """
    return any(_matches(pattern, prefix) for prefix in _prefixes(name))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith(_REGEX):
        return _compiled(pattern.removeprefix(_REGEX)).fullmatch(name) is not None
    return name == pattern or fnmatchcase(name, pattern)


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))

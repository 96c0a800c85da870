"""Rules: which cells and parameters are taken, by dotted name. Pure Python."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

_REGEX = "re:"


TRAIN = "train"


@dataclass(frozen=True)
class Rule:
    """Selectors, all of which must hold, and how what they take is treated.

    Attributes:
        patterns: plain names, globs, ``re:`` and a regular expression, or names with an index or
            slice; empty: all names.
        method: name of a module in ``trainer.freezing.methods``, or ``train``.
        cuts: whether that method stops the gradient, and so freezes what lies upstream too.
        norm: ``eval``: normalisation in the frozen part uses and keeps its stored statistics;
            ``train``: it goes on as in training; ``affine-only``: its statistics are held while
            gamma and beta train; None (only with ``train``): other rules decide.
        excluded: patterns of what the rule leaves to others.
        first: only the first so many layers that hold parameters, or children of ``of``.
        last: only the last so many.
        of: dotted name of the cell whose children are counted; ``.``: the net.
        kinds: class names of cells; they and all beneath them.
        roles: what a parameter is for; see ``ROLES``.
        before_last: only the layers before the last ones with this share, in %, of all values.
        dropout: ``on`` or ``off`` in the frozen part; None: on only where ``norm`` is ``train``.
        lr_factor: times the optimizer's learning rate.
        weight_decay: instead of the optimizer's; None: the optimizer's.
        optional: whether it may take nothing.
        key: where the rule stands in the configuration.
        label: what plan and report call it; empty: the pattern that took.
    """

    patterns: tuple[str, ...]
    method: str
    cuts: bool
    norm: str | None = "eval"
    excluded: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None
    of: str | None = None
    kinds: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    before_last: float | None = None
    dropout: str | None = None
    lr_factor: float = 1.0
    weight_decay: float | None = None
    optional: bool = False
    key: str = "freeze"
    label: str = ""

    @property
    def freezes(self) -> bool:
        """Whether what it takes stays still."""
        return self.method != TRAIN

    @property
    def holds(self) -> bool:
        """Whether normalisation that it takes keeps its statistics."""
        return self.norm in ("eval", "affine-only")

    @property
    def quiet(self) -> bool:
        """Whether dropout is off inside what it freezes."""
        return self.freezes and (self.holds if self.dropout is None else self.dropout == "off")

    @property
    def positioned(self) -> bool:
        """Whether it counts layers, children or values."""
        return any(value is not None for value in (self.first, self.last, self.before_last))

    @property
    def ordered(self) -> bool:
        """Whether what it takes hangs on the order in which the net calls its layers."""
        return self.before_last is not None or (self.positioned and self.of is None)

    @property
    def only_names(self) -> bool:
        """Whether nothing but names selects."""
        return bool(self.patterns) and not (self.positioned or self.kinds or self.roles)

    @property
    def treatment(self) -> tuple[object, ...]:
        """What it says of the parameters that it takes."""
        return self.method, self.norm, self.dropout, self.lr_factor, self.weight_decay

    def where(self, selector: str) -> str:
        """The key of a selector, for messages."""
        return self.key if self.key == "freeze" else f"{self.key}.{selector}"


# What a parameter is for. gamma and beta of a normalisation are its scale and shift; bias is that
# of any other cell, weight is all the rest.
ROLES = ("weight", "bias", "norm_scale", "norm_shift")


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


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern takes a dotted name, or a cell that the name lies beneath.

    ``conv1`` takes ``conv1`` and ``conv1.weight``, never ``conv10`` and never ``layer1.conv1``.
    A glob's ``*`` crosses dots; a regular expression must match a whole name.
    """
    return any(_matches(pattern, prefix) for prefix in _prefixes(name))


def is_plain(pattern: str) -> bool:
    """Tell whether a pattern is a name, and no glob or regular expression."""
    return not pattern.startswith(_REGEX) and not set(pattern) & set("*?[")


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

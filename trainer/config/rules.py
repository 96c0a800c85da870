"""Rules: which cells and parameters match, by dotted name. Pure Python."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

_REGEX = "re:"


TRAIN = "train"


@dataclass(frozen=True)
class Rule:
    """Selectors, all of which must match, and the treatment of what they match.

    Attributes:
        patterns: plain names, globs, ``re:`` and a regular expression, or names with an index or
            slice; empty: all names.
        method: name of a module in ``trainer.freezing.methods``, or ``train``.
        cuts: whether that method stops the gradient, and so freezes what lies upstream too.
        norm: ``eval``: normalisation in the frozen part uses and keeps its stored statistics;
            ``train``: it behaves as in training; ``affine-only``: its statistics are constant while
            gamma and beta train; None (only with ``train``): other rules decide.
        excluded: patterns of what the rule leaves to other rules.
        first: only this number of layers with parameters, or of children of ``of``, from the first.
        last: only this number of them, from the last.
        of: dotted name of the cell whose children are counted; ``.``: the model.
        kinds: class names of cells; matches them and all beneath them.
        roles: what a parameter is for; see ``ROLES``.
        before_last: only the layers before the last ones with this share, in %, of all values.
        dropout: ``on`` or ``off`` in the frozen part; None: on only where ``norm`` is ``train``.
        lr_factor: times the optimizer's learning rate.
        weight_decay: instead of the optimizer's; None: the optimizer's.
        dtype: the type in which weights that it freezes are stored; None: the model's.
        optional: whether it may match nothing.
        key: where the rule stands in the configuration.
        label: its name in plan and report; empty: the pattern that matched.
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
    dtype: str | None = None
    optional: bool = False
    key: str = "freeze"
    label: str = ""

    @property
    def freezes(self) -> bool:
        """Whether it freezes what it matches."""
        return self.method != TRAIN

    @property
    def holds(self) -> bool:
        """Whether normalisation that it matches keeps its statistics."""
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
        """Whether what it matches depends on the order in which the model calls its layers."""
        return self.before_last is not None or (self.positioned and self.of is None)

    @property
    def only_names(self) -> bool:
        """Whether nothing but names selects."""
        return bool(self.patterns) and not (self.positioned or self.kinds or self.roles)

    @property
    def treatment(self) -> tuple[object, ...]:
        """The treatment of the parameters that it matches."""
        return self.method, self.norm, self.dropout, self.lr_factor, self.weight_decay, self.dtype

    def where(self, selector: str) -> str:
        """The key of a selector, for messages."""
        return self.key if self.key == "freeze" else f"{self.key}.{selector}"


# What a parameter is for. gamma and beta of a normalisation are its scale and shift; bias is that
# of any other cell, weight is all the rest.
ROLES = ("weight", "bias", "norm_scale", "norm_shift")


def problem(pattern: str) -> str | None:
    """Return the problem of a pattern's form, or None."""
    if not pattern or pattern == _REGEX:
        return "expected a name, a glob or re:REGEX, received an empty pattern"
    if pattern.startswith(_REGEX):
        try:
            re.compile(pattern.removeprefix(_REGEX))
        except re.error as error:
            return f"expected a regular expression after re:, received {pattern!r} ({error})"
    return None


def matches(pattern: str, name: str) -> bool:
    """Return whether a pattern matches a dotted name, or a cell that the name lies beneath.

    ``conv1`` matches ``conv1`` and ``conv1.weight``, never ``conv10`` and never ``layer1.conv1``.
    A glob's ``*`` crosses dots; a regular expression must match a whole name.
    """
    return any(_matches(pattern, prefix) for prefix in _prefixes(name))


def is_plain(pattern: str) -> bool:
    """Return whether a pattern is a name, and no glob or regular expression."""
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

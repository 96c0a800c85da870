"""Selection: what one rule takes of one net, other rules left aside. Pure Python."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

ROOT = "."  # the net itself, in `of`

_INDEXED = re.compile(r"([^\[\]*?]+)\[(-?\d+|-?\d*:-?\d*(?::-?\d*)?)\](.*)")


@dataclass(frozen=True)
class Selection:
    """What a rule takes, by name.

    Attributes:
        parameters: those that it takes.
        cells: those that it takes whole.
        inner: cells without weights among them, taken only with a cell around them that has some.
            No cut is meant behind these: it would freeze what else is in that cell as well.
    """

    parameters: frozenset[str]
    cells: frozenset[str]
    inner: frozenset[str] = frozenset()


def select(rule: Rule, layout: "ModuleTree") -> Selection:
    """Return what a rule takes. Running statistics have no role, so no role takes them."""
    named = _by_name(rule, layout)
    placed = _by_place(rule, layout)
    kinds = {c.name for c in layout.cells if c.kind in rule.kinds}
    taken = {
        p.name
        for p in layout.parameters
        if any(name in named for name in p.names)
        and (placed is None or p.name in placed)
        and (not rule.kinds or not kinds.isdisjoint(enclosing_cells(p)))
        and (not rule.roles or (p.role in rule.roles and not p.statistic))
    }
    held = _beneath(_weights(layout))
    mine = _beneath(p for p in _weights(layout) if p.name in taken)
    cells = {
        name
        for name in (cell.name for cell in layout.cells)
        if (not rule.patterns or name in named)
        and (held[name] == mine[name] if held[name] else _takes_bare(rule, name, named, kinds))
    }
    inner = {
        name
        for name in cells
        if not held[name]
        and any(mine[a] and _takes_bare(rule, a, named, kinds) for a in ancestors(name))
    }
    return Selection(frozenset(taken), frozenset(cells), frozenset(inner))


def _takes_bare(rule: Rule, name: str, named: set[str], kinds: set[str]) -> bool:
    """Tell whether a rule takes a cell without weights: only if it is meant by name or kind."""
    if rule.positioned or rule.roles or not (rule.patterns or rule.kinds):
        return False
    of_kind = name in kinds or any(a in kinds for a in ancestors(name))
    return name in named and (not rule.kinds or of_kind)


def _by_name(rule: Rule, layout: "ModuleTree") -> set[str]:
    """Return the names that ``select`` and ``except`` let through."""
    wanted, excluded = expand_all(rule.patterns, layout), expand_all(rule.excluded, layout)
    groups = [(c.name, *c.aliases) for c in layout.cells] + [p.names for p in layout.parameters]
    return {
        name
        for names in groups
        if not any(matches(pattern, name) for pattern in excluded for name in names)
        for name in names
        if not rule.patterns or any(matches(p, other) for p in wanted for other in names)
    }


def _by_place(rule: Rule, layout: "ModuleTree") -> set[str] | None:
    """Return the parameters that ``first``, ``last`` and ``before_last`` let through."""
    if not rule.positioned:
        return None
    chosen = set(layers(layout)) if rule.of is None else set(child_cells(rule.of, layout))
    order = countable(rule.of, layout)
    if rule.first is not None:
        chosen &= set(order[: rule.first])
    if rule.last is not None:
        chosen &= set(order[-rule.last :])
    infos = layout.parameters
    if rule.of is None:
        found = {p.name for p in infos if not chosen.isdisjoint(p.cells)}
    else:
        found = {p.name for p in infos if not chosen.isdisjoint(with_ancestors(p.cell))}
    if rule.before_last is not None:
        before = _before_last(rule.before_last, layout)
        found &= {p.name for p in infos if p.cell in before}
    return found


def countable(of: str | None, layout: "ModuleTree") -> list[str]:
    """Return what ``first`` and ``last`` count: layers, or children of a cell, with weights."""
    if of is None:
        return layers(layout)
    held = _beneath(_weights(layout))
    return [name for name in child_cells(of, layout) if held[name]]


def layers(layout: "ModuleTree") -> list[str]:
    """Return the cells that own weights themselves, from input to head.

    That is the order in which the net calls them, where it is known, else that of definition. One
    that is never called stays behind the one defined before it. A weight that is tied is owned by
    each of its cells: a head that shares the embedding's counts.
    """
    owners = {cell for p in _weights(layout) for cell in p.cells}
    defined = [name for name in ("", *(c.name for c in layout.cells)) if name in owners]
    called = {name: at for at, name in enumerate(layout.order)}
    places, last = {}, -1
    for name in defined:
        places[name] = last = called.get(name, last)
    return sorted(defined, key=places.__getitem__)


def child_cells(cell: str, layout: "ModuleTree") -> list[str]:
    """Return a cell's immediate cells in the order of definition; ``.``: those of the net."""
    above = "" if cell == ROOT else cell
    return [c.name for c in layout.cells if c.name.rpartition(".")[0] == above]


def _before_last(percent: float, layout: "ModuleTree") -> set[str]:
    """Return all layers but the fewest at the end that hold so many percent of the values."""
    sizes: Counter[str] = Counter()
    for info in _weights(layout):
        sizes[info.cell] += info.size
    order, left = layers(layout), percent / 100 * sizes.total()
    while order and left > 0:
        left -= sizes[order.pop()]
    return set(order)


def expand(pattern: str, layout: "ModuleTree") -> list[str]:
    """Return a pattern with its indices and slices replaced by the names that they mean.

    ``blocks[-1].attn`` gives ``blocks.11.attn``. In a glob ``[12]`` is a class of characters; it is
    an index only where the name before it is a cell with cells of its own.
    """
    parts = split_index(pattern, layout)
    if parts is None:
        return [pattern]
    head, index, rest = parts
    try:
        chosen = apply_index(child_cells(head, layout), index)
    except (IndexError, ValueError):
        return []
    return [deep for child in chosen for deep in expand(child + rest, layout)]


def expand_all(patterns: Iterable[str], layout: "ModuleTree") -> list[str]:
    """Return several patterns so, in a list."""
    return [deep for pattern in patterns for deep in expand(pattern, layout)]


def split_index(pattern: str, layout: "ModuleTree") -> tuple[str, str, str] | None:
    """Split a pattern at its first index into cell, index and rest; None if it has none."""
    match = _INDEXED.fullmatch(pattern)
    if match is None or pattern.startswith("re:") or not child_cells(match[1], layout):
        return None
    return match[1], match[2], match[3]


def apply_index(names: Sequence[str], index: str) -> list[str]:
    """Return what a Python index or slice, written as text, takes of a list.

    Raises:
        IndexError: the index lies outside.
        ValueError: the slice's step is 0.
    """
    if ":" not in index:
        return [names[int(index)]]
    return list(names[slice(*(int(part) if part else None for part in index.split(":")))])


def ancestors(name: str) -> list[str]:
    """Return the names of the cells above a dotted name, the topmost first, the net left out."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def with_ancestors(cell: str) -> list[str]:
    """Return the names of the cells from the topmost down to a cell itself, the net left out."""
    return [*ancestors(cell), cell] if cell else []


def enclosing_cells(info: "ParameterInfo") -> set[str]:
    """Return the names of the cells above a parameter, under each of its names."""
    return {name for cell in info.cells for name in with_ancestors(cell)}


def _weights(layout: "ModuleTree") -> Iterator["ParameterInfo"]:
    return (p for p in layout.parameters if not p.statistic)


def _beneath(parameters: Iterable["ParameterInfo"]) -> Counter[str]:
    """Count the parameters beneath each cell, a tied one beneath each of its cells."""
    return Counter(name for p in parameters for name in enclosing_cells(p))

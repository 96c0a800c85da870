"""Selection: what one rule selects in one model, regardless of other rules. Pure Python."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

ROOT = "."  # the model itself, in `of`

_INDEXED = re.compile(r"([^\[\]*?]+)\[(-?\d+|-?\d*:-?\d*(?::-?\d*)?)\](.*)")


@dataclass(frozen=True)
class Selection:
    """What a rule selects, by name.

    Attributes:
        parameters: the selected parameters.
        cells: the cells that are selected as a whole.
        inner: the cells without weights that are selected only as part of an enclosing cell that
            has weights. No cut is meant behind these: it would freeze the rest of that cell too.
    """

    parameters: frozenset[str]
    cells: frozenset[str]
    inner: frozenset[str] = frozenset()


def select(rule: Rule, tree: "ModuleTree") -> Selection:
    """Return what a rule selects. Running statistics have no role, so no role selects them."""
    names = _by_name(rule, tree)
    of_kind = {c.name for c in tree.cells if c.kind in rule.kinds}
    parameters = _parameters(rule, tree, names, of_kind)
    weights = _count_beneath(_weights(tree))
    selected = _count_beneath(p for p in _weights(tree) if p.name in parameters)
    cells = {
        cell.name
        for cell in tree.cells
        if not rule.patterns or cell.name in names
        if (
            weights[cell.name] == selected[cell.name]
            if weights[cell.name]
            else _selects_weightless(rule, cell.name, names, of_kind)
        )
    }
    inner = {
        name
        for name in cells
        if not weights[name]
        if any(
            selected[a] and _selects_weightless(rule, a, names, of_kind) for a in ancestors(name)
        )
    }
    return Selection(frozenset(parameters), frozenset(cells), frozenset(inner))


def _parameters(rule: Rule, tree: "ModuleTree", names: set[str], of_kind: set[str]) -> set[str]:
    """Return the parameters that pass all selectors of a rule."""
    positioned = _by_position(rule, tree)
    return {
        p.name
        for p in tree.parameters
        if any(name in names for name in p.names)
        and (positioned is None or p.name in positioned)
        and (not rule.kinds or not of_kind.isdisjoint(enclosing_cells(p)))
        and (not rule.roles or (p.role in rule.roles and not p.statistic))
    }


def _selects_weightless(rule: Rule, cell: str, names: set[str], of_kind: set[str]) -> bool:
    """Tell whether a rule selects a cell without weights: only a name or a kind can mean one."""
    if rule.positioned or rule.roles or not (rule.patterns or rule.kinds):
        return False
    has_kind = cell in of_kind or any(a in of_kind for a in ancestors(cell))
    return cell in names and (not rule.kinds or has_kind)


def _by_name(rule: Rule, tree: "ModuleTree") -> set[str]:
    """Return the names that pass ``select`` and ``except``."""
    included, excluded = expand_all(rule.patterns, tree), expand_all(rule.excluded, tree)
    groups = [(c.name, *c.aliases) for c in tree.cells] + [p.names for p in tree.parameters]
    return {
        name
        for names in groups
        if not any(matches(pattern, name) for pattern in excluded for name in names)
        for name in names
        if not rule.patterns or any(matches(p, alias) for p in included for alias in names)
    }


def _by_position(rule: Rule, tree: "ModuleTree") -> set[str] | None:
    """Return the parameters that pass ``first``, ``last`` and ``before_last``; None: no limit."""
    if not rule.positioned:
        return None
    cells = set(layers(tree)) if rule.of is None else set(child_cells(rule.of, tree))
    order = countable(rule.of, tree)
    if rule.first is not None:
        cells &= set(order[: rule.first])
    if rule.last is not None:
        cells &= set(order[-rule.last :])
    if rule.of is None:
        parameters = {p.name for p in tree.parameters if not cells.isdisjoint(p.cells)}
    else:
        parameters = {
            p.name for p in tree.parameters if not cells.isdisjoint(with_ancestors(p.cell))
        }
    if rule.before_last is not None:
        before = _before_last(rule.before_last, tree)
        parameters &= {p.name for p in tree.parameters if p.cell in before}
    return parameters


def countable(of: str | None, tree: "ModuleTree") -> list[str]:
    """Return what ``first`` and ``last`` count: layers, or children of a cell, with weights."""
    if of is None:
        return layers(tree)
    weights = _count_beneath(_weights(tree))
    return [name for name in child_cells(of, tree) if weights[name]]


def layers(tree: "ModuleTree") -> list[str]:
    """Return the cells that own weights themselves, from input to head.

    The order is that in which the model calls them if it is known, else that of definition. A cell
    that is never called follows the one defined before it. A tied weight is owned by each of its
    cells, so a head that shares the embedding's weight counts.
    """
    owners = {cell for p in _weights(tree) for cell in p.cells}
    defined = [name for name in ("", *(c.name for c in tree.cells)) if name in owners]
    calls = {name: at for at, name in enumerate(tree.order)}
    positions, previous = {}, -1
    for name in defined:
        positions[name] = previous = calls.get(name, previous)
    return sorted(defined, key=positions.__getitem__)


def child_cells(cell: str, tree: "ModuleTree") -> list[str]:
    """Return a cell's immediate cells in the order of definition; ``.``: those of the model."""
    parent = "" if cell == ROOT else cell
    return [c.name for c in tree.cells if c.name.rpartition(".")[0] == parent]


def _before_last(percent: float, tree: "ModuleTree") -> set[str]:
    """Return all layers except the fewest at the end that hold this percentage of all values."""
    sizes: Counter[str] = Counter()
    for info in _weights(tree):
        sizes[info.cell] += info.size
    remaining, quota = layers(tree), percent / 100 * sizes.total()
    while remaining and quota > 0:
        quota -= sizes[remaining.pop()]
    return set(remaining)


def expand(pattern: str, tree: "ModuleTree") -> list[str]:
    """Return a pattern with its indices and slices replaced by the names that they mean.

    ``blocks[-1].attn`` gives ``blocks.11.attn``. In a glob ``[12]`` is a class of characters; it is
    an index only where the name before it is a cell that contains cells.
    """
    parts = split_index(pattern, tree)
    if parts is None:
        return [pattern]
    head, index, rest = parts
    try:
        children = apply_index(child_cells(head, tree), index)
    except (IndexError, ValueError):
        return []
    return [plain for child in children for plain in expand(child + rest, tree)]


def expand_all(patterns: Iterable[str], tree: "ModuleTree") -> list[str]:
    """Expand several patterns into one list."""
    return [plain for pattern in patterns for plain in expand(pattern, tree)]


def split_index(pattern: str, tree: "ModuleTree") -> tuple[str, str, str] | None:
    """Split a pattern at its first index into cell, index and rest; None if it has none."""
    match = _INDEXED.fullmatch(pattern)
    if match is None or pattern.startswith("re:") or not child_cells(match[1], tree):
        return None
    return match[1], match[2], match[3]


def apply_index(names: Sequence[str], index: str) -> list[str]:
    """Return the elements that a Python index or slice, written as text, selects.

    Raises:
        IndexError: the index is out of range.
        ValueError: the slice's step is 0.
    """
    if ":" not in index:
        return [names[int(index)]]
    return list(names[slice(*(int(part) if part else None for part in index.split(":")))])


def ancestors(name: str) -> list[str]:
    """Return the cells above a dotted name, the topmost first, without the model itself."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def with_ancestors(cell: str) -> list[str]:
    """Return the cells from the topmost down to a cell itself, without the model itself."""
    return [*ancestors(cell), cell] if cell else []


def enclosing_cells(info: "ParameterInfo") -> set[str]:
    """Return the cells above a parameter, under each of its names."""
    return {name for cell in info.cells for name in with_ancestors(cell)}


def _weights(tree: "ModuleTree") -> Iterator["ParameterInfo"]:
    return (p for p in tree.parameters if not p.statistic)


def _count_beneath(parameters: Iterable["ParameterInfo"]) -> Counter[str]:
    """Count the parameters beneath each cell; a tied one counts beneath each of its cells."""
    return Counter(name for p in parameters for name in enclosing_cells(p))

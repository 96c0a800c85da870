"""Unmatched selectors: those that name what the model does not have. Pure Python."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches
from trainer.core.errors import nearest
from trainer.freezing.plan import unknown_name
from trainer.freezing.selection import (
    ROOT,
    apply_index,
    child_cells,
    countable,
    expand,
    select,
    split_index,
)

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def unmatched(rule: Rule, tree: "ModuleTree") -> list[str]:
    """Return the errors in a rule's selectors, each selector checked by itself."""
    problems = [
        text
        for key, patterns in (("select", rule.patterns), ("except", rule.excluded))
        for pattern in patterns
        for text in unmatched_pattern(rule.where(key), pattern, tree)
    ]
    if not problems:
        problems = [*_without_parameters(rule, tree), *_needless_exceptions(rule, tree)]
    return [*problems, *_unknown_kinds(rule, tree), *_bad_counts(rule, tree)]


def unmatched_pattern(key: str, pattern: str, tree: "ModuleTree") -> Iterator[str]:
    """Yield the error of a pattern, given under a key, that matches nothing."""
    parts = split_index(pattern, tree)
    if parts is not None:
        head, index, rest = parts
        cells = child_cells(head, tree)
        try:
            children = apply_index(cells, index)
        except (IndexError, ValueError) as error:
            yield _bad_index(key, pattern, head, len(cells), error)
            return
        if not children:
            yield (
                f"{key}: expected a slice that selects some of {head!r}, which has {len(cells)} "
                f"cells, received {pattern!r}"
            )
            return
        for child in children if "[" in rest else ():
            yield from unmatched_pattern(key, child + rest, tree)
    expanded = expand(pattern, tree)
    if not any(matches(each, name) for each in expanded for name in tree.names):
        yield unknown_name(key, pattern, tree.names)


def _bad_index(key: str, pattern: str, cell: str, count: int, error: Exception) -> str:
    if isinstance(error, IndexError):
        return (
            f"{key}: expected an index within {cell!r}, which has {count} cells, received "
            f"{pattern!r}"
        )
    return f"{key}: expected a step other than 0, received {pattern!r}"


def _without_parameters(rule: Rule, tree: "ModuleTree") -> Iterator[str]:
    """Yield the errors of patterns that match no parameter, where the method needs one."""
    for pattern in rule.patterns if not rule.cuts else ():
        if not select(Rule((pattern,), rule.method, rule.cuts), tree).parameters:
            yield (
                f"{rule.where('select')}: {pattern!r} matches only cells without parameters, but "
                f"{rule.method} needs one"
            )


def _needless_exceptions(rule: Rule, tree: "ModuleTree") -> Iterator[str]:
    """Yield the errors of exceptions from what the rule does not select anyway."""
    everything = select(replace(rule, excluded=()), tree)
    for pattern in rule.excluded:
        if select(replace(rule, excluded=(pattern,)), tree) == everything:
            yield (
                f"{rule.where('except')}: expected an exception from what the rule selects, "
                f"received {pattern!r}, which it does not select in any case"
            )


def _unknown_kinds(rule: Rule, tree: "ModuleTree") -> Iterator[str]:
    known = list(dict.fromkeys(cell.kind for cell in tree.cells))
    for kind in rule.kinds:
        if kind not in known:
            yield (
                f"{rule.where('kind')}: expected the class of a cell of the model, received "
                f"{kind!r}{nearest(kind, known)}"
            )


def _bad_counts(rule: Rule, tree: "ModuleTree") -> Iterator[str]:
    cells = [cell.name for cell in tree.cells]
    if rule.of is not None and rule.of not in (ROOT, *cells):
        yield unknown_name(rule.where("of"), rule.of, cells)
        return
    counted = "layers of the model" if rule.of is None else f"cells in {rule.of!r}"
    limit = len(countable(rule.of, tree))
    for key, number in (("first", rule.first), ("last", rule.last)):
        if number is not None and number > limit:
            yield (
                f"{rule.where(key)}: expected at most {limit}, the number of {counted} that hold "
                f"parameters, received {number}"
            )

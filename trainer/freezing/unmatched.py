"""Misses: selectors that name what a net does not have, with what is nearest. Pure Python."""

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

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def unmatched(rule: Rule, layout: "ModuleTree") -> list[str]:
    """Return what is wrong with a rule's selectors, each looked at by itself."""
    found = [text for p in rule.patterns for text in missing(rule.where("select"), p, layout)]
    found += [text for p in rule.excluded for text in missing(rule.where("except"), p, layout)]
    found += _needless(rule, layout) if not found else []
    found += [*_kinds(rule, layout), *_counts(rule, layout)]
    return found


def missing(key: str, pattern: str, layout: "ModuleTree") -> Iterator[str]:
    """Tell of a pattern, found under a key, that takes nothing."""
    parts = split_index(pattern, layout)
    if parts is not None:
        head, index, rest = parts
        inner = child_cells(head, layout)
        held = f"{head!r}, which holds {len(inner)} cells"
        try:
            chosen = apply_index(inner, index)
        except IndexError:
            yield f"{key}: expected an index within {held}, received {pattern!r}"
            return
        except ValueError:
            yield f"{key}: expected a step other than 0, received {pattern!r}"
            return
        if not chosen:
            yield f"{key}: expected a slice that takes some of {held}, received {pattern!r}"
            return
        for child in chosen if "[" in rest else ():
            yield from missing(key, child + rest, layout)
    deep = expand(pattern, layout)
    if not any(matches(each, name) for each in deep for name in layout.names):
        yield unknown_name(key, pattern, layout.names)


def _needless(rule: Rule, layout: "ModuleTree") -> Iterator[str]:
    """Tell of patterns that take nothing they could act on, and of exceptions from nothing."""
    for pattern in rule.patterns if not rule.cuts else ():
        if not select(Rule((pattern,), rule.method, rule.cuts), layout).parameters:
            yield (
                f"{rule.where('select')}: {pattern!r} takes only cells without parameters: "
                f"{rule.method} needs one"
            )
    everything = select(replace(rule, excluded=()), layout)
    for pattern in rule.excluded:
        kept = select(replace(rule, excluded=(pattern,)), layout)
        if kept == everything:
            yield (
                f"{rule.where('except')}: expected an exception from what the rule takes, received "
                f"{pattern!r}, which it does not take in any case"
            )


def _kinds(rule: Rule, layout: "ModuleTree") -> Iterator[str]:
    known = list(dict.fromkeys(cell.kind for cell in layout.cells))
    for kind in rule.kinds:
        if kind not in known:
            yield (
                f"{rule.where('kind')}: expected the class of a cell of the net, received "
                f"{kind!r}{nearest(kind, known)}"
            )


def _counts(rule: Rule, layout: "ModuleTree") -> Iterator[str]:
    cells = [cell.name for cell in layout.cells]
    if rule.of is not None and rule.of not in (ROOT, *cells):
        yield unknown_name(rule.where("of"), rule.of, cells)
        return
    what = "layers of the net" if rule.of is None else f"cells in {rule.of!r}"
    most = len(countable(rule.of, layout))
    for key, number in (("first", rule.first), ("last", rule.last)):
        if number is not None and number > most:
            yield (
                f"{rule.where(key)}: expected at most {most}, for so many {what} hold "
                f"parameters, received {number}"
            )

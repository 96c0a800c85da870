"""Modes: the cells whose normalisation and dropout run in inference mode. Pure Python."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule
from trainer.freezing.assignment import Assignment
from trainer.freezing.selection import Selection, ancestors, with_ancestors

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import CellInfo, ModuleTree, ParameterInfo


def eval_modules(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    layout: "ModuleTree",
    claimed: Mapping[str, Assignment],
    upstream: Collection[str],
) -> set[str]:
    """Return the cells to run in inference mode, all beneath such a cell included.

    A cell is among them if all its weights are frozen by rules that hold statistics and quiet
    dropout; else its normalisation and its dropout are looked at one by one.
    """
    still = _frozen_whole(layout, claimed)
    whole = still - _above(layout, claimed, lambda rule: not (rule.holds and rule.quiet))
    quiet = still - _above(layout, claimed, lambda rule: not rule.quiet)
    cutter = next((rule for rule in rules if rule.cuts), None)
    chosen = whole | _held(layout, claimed)
    weighty = {a for p in layout.parameters if not p.statistic for a in with_ancestors(p.cell)}
    for cell in layout.cells:
        if cell.name not in weighty:
            rule = _rule_of_bare(cell, rules, selections)
            if rule is None and cell.name in upstream:
                rule = cutter
            if rule is not None and _still(cell, rule):
                chosen.add(cell.name)
        above = ancestors(cell.name)
        is_quiet = "Drop" in cell.kind and not quiet.isdisjoint(above)
        if is_quiet or not chosen.isdisjoint(above):
            chosen.add(cell.name)
    return chosen


def _still(cell: "CellInfo", rule: Rule) -> bool:
    """Tell whether a cell without weights that a rule takes is to run in inference mode."""
    return rule.quiet if "Drop" in cell.kind else rule.quiet and rule.holds


def _rule_of_bare(
    cell: "CellInfo", rules: Sequence[Rule], selections: Sequence[Selection]
) -> Rule | None:
    pairs = zip(rules, selections, strict=True)
    return next((rule for rule, selection in pairs if cell.name in selection.cells), None)


def _frozen_whole(layout: "ModuleTree", claimed: Mapping[str, Assignment]) -> set[str]:
    """Return the cells all of whose weights are frozen; the net's own buffers do not count."""
    closed, open_ = set[str](), set[str]()
    for info in layout.parameters:
        state = claimed[info.name].state
        if not info.statistic and state != "buffer":
            (closed if state == "frozen" else open_).update(with_ancestors(info.cell))
    return closed - open_


def _above(
    layout: "ModuleTree", claimed: Mapping[str, Assignment], test: Callable[[Rule], bool]
) -> set[str]:
    """Return the cells above frozen weights whose rule passes a test."""
    found = set[str]()
    for info in layout.parameters:
        rule = claimed[info.name].rule
        if not info.statistic and rule and rule.freezes and test(rule):
            found.update(with_ancestors(info.cell))
    return found


def _held(layout: "ModuleTree", claimed: Mapping[str, Assignment]) -> set[str]:
    """Return the cells whose running statistics are held whatever else lies around them."""
    own: dict[str, list[ParameterInfo]] = {}
    for info in layout.parameters:
        own.setdefault(info.cell, []).append(info)
    return {
        cell
        for cell, infos in own.items()
        if cell and any(p.statistic for p in infos) and _holds(infos, claimed)
    }


def _holds(infos: "Sequence[ParameterInfo]", claimed: Mapping[str, Assignment]) -> bool:
    """Tell whether a normalisation's statistics are held: what its weights' rules say comes first.

    A weight's rule that only freezes it says nothing of a cell whose other weights still train.
    """
    weights = [claimed[p.name] for p in infos if not p.statistic]
    for rule in (claim.rule for claim in weights if claim.rule):
        if rule.norm == "train":
            return False
        if rule.norm == "affine-only" or (rule.norm == "eval" and not rule.freezes):
            return True
    if weights and all(claim.state == "frozen" for claim in weights):
        return True
    own = [claimed[p.name].rule for p in infos if p.statistic]
    return any(rule is not None and rule.freezes and rule.holds for rule in own)

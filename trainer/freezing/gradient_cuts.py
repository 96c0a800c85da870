"""Gradient cuts: the cells behind whose output the gradient stops. Pure Python."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule
from trainer.freezing.assignment import Assignment
from trainer.freezing.selection import Selection, ancestors, enclosing_cells

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def gradient_cuts(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    tree: "ModuleTree",
    assignments: Mapping[str, Assignment],
) -> dict[str, str]:
    """Return each cell to cut behind, with the method that cuts it.

    These are the topmost cells that are called themselves and that a rule selects, either as a
    whole or by all the weights that they own directly. Where anything beneath a cell trains, the
    cut moves down to the frozen cells inside it.
    """
    cuts: dict[str, str] = {}
    for rule, selection in zip(rules, selections, strict=True):
        if rule.cuts:
            cells = _owning_selected(selection, tree)
            cells |= selection.cells - _above_trainable(tree, assignments)
            cells &= {cell.name for cell in tree.cells if cell.called}
            cells &= _decided_by(rule, tree, assignments) - selection.inner
            for name in topmost(tree, cells):
                cuts.setdefault(name, rule.method)
    return cuts


def topmost(tree: "ModuleTree", cells: Collection[str]) -> tuple[str, ...]:
    """Return those of some cells that lie beneath none of the others, in order of definition."""
    names = (cell.name for cell in tree.cells if cell.name in cells)
    return tuple(name for name in names if not any(a in cells for a in ancestors(name)))


def _owning_selected(selection: Selection, tree: "ModuleTree") -> set[str]:
    """Return the cells that own weights and all of whose weights are selected, even one by one."""
    owners, not_all = set[str](), set[str]()
    for info in tree.parameters:
        if not info.statistic:
            owners |= set(info.cells)
            if info.name not in selection.parameters:
                not_all |= enclosing_cells(info)
    return owners - not_all


def _above_trainable(tree: "ModuleTree", assignments: Mapping[str, Assignment]) -> set[str]:
    """Return the cells with a trainable weight beneath them."""
    trainable = (p for p in tree.parameters if assignments[p.name].state == "trainable")
    return {name for p in trainable for name in enclosing_cells(p)}


def _decided_by(rule: Rule, tree: "ModuleTree", assignments: Mapping[str, Assignment]) -> set[str]:
    """Return the cells that hold a weight which this rule decides, or no weight at all."""
    with_weights, with_decided = set[str](), set[str]()
    for info in tree.parameters:
        if not info.statistic:
            with_weights |= enclosing_cells(info)
            if assignments[info.name].rule is rule:
                with_decided |= enclosing_cells(info)
    return with_decided | ({cell.name for cell in tree.cells} - with_weights)

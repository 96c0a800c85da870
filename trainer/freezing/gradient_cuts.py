"""Cuts: the cells behind whose output the gradient stops. Pure Python."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule
from trainer.freezing.assignment import Assignment
from trainer.freezing.selection import Selection, ancestors, enclosing_cells

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def gradient_cuts(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    layout: "ModuleTree",
    claimed: Mapping[str, Assignment],
) -> dict[str, str]:
    """Return each cell to cut behind and the method that cuts it.

    Those are the topmost cells that are called themselves and that a rule takes: whole, or all that
    they own directly. A cell with anything beneath it that trains is passed over for those in it.
    """
    found: dict[str, str] = {}
    for rule, selection in zip(rules, selections, strict=True):
        if rule.cuts:
            chosen = _owned(selection, layout) | (selection.cells - _open(layout, claimed))
            chosen &= {cell.name for cell in layout.cells if cell.called}
            chosen &= _concerned(rule, layout, claimed) - selection.inner
            for name in topmost(layout, chosen):
                found.setdefault(name, rule.method)
    return found


def topmost(layout: "ModuleTree", chosen: Collection[str]) -> tuple[str, ...]:
    """Return the chosen cells that have no chosen cell above them."""
    cells = (cell.name for cell in layout.cells if cell.name in chosen)
    return tuple(name for name in cells if not any(a in chosen for a in ancestors(name)))


def _owned(selection: Selection, layout: "ModuleTree") -> set[str]:
    """Return the cells that own weights and all of whose weights are taken, be it one by one."""
    owners, partly = set[str](), set[str]()
    for info in layout.parameters:
        if not info.statistic:
            owners |= set(info.cells)
            if info.name not in selection.parameters:
                partly |= enclosing_cells(info)
    return owners - partly


def _open(layout: "ModuleTree", claimed: Mapping[str, Assignment]) -> set[str]:
    """Return the cells with a weight beneath them that trains."""
    weights = (p for p in layout.parameters if claimed[p.name].state == "trainable")
    return {name for p in weights for name in enclosing_cells(p)}


def _concerned(rule: Rule, layout: "ModuleTree", claimed: Mapping[str, Assignment]) -> set[str]:
    """Return the cells that hold a weight which this rule was the first to take, or none at all."""
    held, mine = set[str](), set[str]()
    for info in layout.parameters:
        if not info.statistic:
            held |= enclosing_cells(info)
            if claimed[info.name].rule is rule:
                mine |= enclosing_cells(info)
    return mine | ({cell.name for cell in layout.cells} - held)

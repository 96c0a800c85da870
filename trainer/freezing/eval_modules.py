"""Eval modules: the cells whose normalisation and dropout run in inference mode. Pure Python."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule
from trainer.freezing.assignment import Assignment
from trainer.freezing.selection import Selection, ancestors, with_ancestors

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import CellInfo, ModuleTree, ParameterInfo


def eval_modules(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    tree: "ModuleTree",
    assignments: Mapping[str, Assignment],
    upstream: Collection[str],
) -> set[str]:
    """Return the cells to run in inference mode, with all cells beneath them.

    A cell is among them if all its weights are frozen by rules that keep statistics and switch
    dropout off; otherwise its normalisation layers and its dropout are decided one by one.
    """
    modules, dropout_off = _with_weights(tree, assignments)
    weighted = {name for p in tree.parameters if not p.statistic for name in with_ancestors(p.cell)}
    cutting_rule = next((rule for rule in rules if rule.cuts), None)
    for cell in tree.cells:
        if cell.name not in weighted:
            rule = _selecting_rule(cell, rules, selections)
            if rule is None and cell.name in upstream:
                rule = cutting_rule
            if rule is not None and _runs_in_eval(cell, rule):
                modules.add(cell.name)
        above = ancestors(cell.name)
        is_silenced = "Drop" in cell.kind and not dropout_off.isdisjoint(above)
        if is_silenced or not modules.isdisjoint(above):
            modules.add(cell.name)
    return modules


def _with_weights(
    tree: "ModuleTree", assignments: Mapping[str, Assignment]
) -> tuple[set[str], set[str]]:
    """Return the cells with weights that run in inference mode, and those without dropout."""
    frozen = _fully_frozen(tree, assignments)
    dropout_on = _above_frozen(tree, assignments, lambda rule: not rule.quiet)
    partly = _above_frozen(tree, assignments, lambda rule: not (rule.holds and rule.quiet))
    return (frozen - partly) | _fixed_norms(tree, assignments), frozen - dropout_on


def _runs_in_eval(cell: "CellInfo", rule: Rule) -> bool:
    """Tell whether a cell without weights that a rule selects runs in inference mode."""
    return rule.quiet if "Drop" in cell.kind else rule.quiet and rule.holds


def _selecting_rule(
    cell: "CellInfo", rules: Sequence[Rule], selections: Sequence[Selection]
) -> Rule | None:
    pairs = zip(rules, selections, strict=True)
    return next((rule for rule, selection in pairs if cell.name in selection.cells), None)


def _fully_frozen(tree: "ModuleTree", assignments: Mapping[str, Assignment]) -> set[str]:
    """Return the cells all of whose weights are frozen; the model's own buffers do not count."""
    with_frozen, with_trainable = set[str](), set[str]()
    for info in tree.parameters:
        state = assignments[info.name].state
        if not info.statistic and state != "buffer":
            cells = with_frozen if state == "frozen" else with_trainable
            cells.update(with_ancestors(info.cell))
    return with_frozen - with_trainable


def _above_frozen(
    tree: "ModuleTree", assignments: Mapping[str, Assignment], test: Callable[[Rule], bool]
) -> set[str]:
    """Return the cells above frozen weights whose rule passes a test."""
    cells = set[str]()
    for info in tree.parameters:
        rule = assignments[info.name].rule
        if not info.statistic and rule and rule.freezes and test(rule):
            cells.update(with_ancestors(info.cell))
    return cells


def _fixed_norms(tree: "ModuleTree", assignments: Mapping[str, Assignment]) -> set[str]:
    """Return the cells whose running statistics are kept, whatever surrounds them."""
    owned: dict[str, list[ParameterInfo]] = {}
    for info in tree.parameters:
        owned.setdefault(info.cell, []).append(info)
    return {
        cell
        for cell, infos in owned.items()
        if cell and any(p.statistic for p in infos) and _keeps_statistics(infos, assignments)
    }


def _keeps_statistics(
    infos: "Sequence[ParameterInfo]", assignments: Mapping[str, Assignment]
) -> bool:
    """Tell whether a normalisation layer keeps its statistics. The rules of its weights go first.

    A rule that only freezes one weight says nothing about a cell whose other weights still train.
    """
    weights = [assignments[p.name] for p in infos if not p.statistic]
    for rule in (weight.rule for weight in weights if weight.rule):
        if rule.norm == "train":
            return False
        if rule.norm == "affine-only" or (rule.norm == "eval" and not rule.freezes):
            return True
    if weights and all(weight.state == "frozen" for weight in weights):
        return True
    statistics_rules = [assignments[p.name].rule for p in infos if p.statistic]
    return any(rule is not None and rule.freezes and rule.holds for rule in statistics_rules)

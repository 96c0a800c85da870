"""Validation: the configuration errors of rules for one model, each with its remedy. Pure Python.

``unmatched`` checks the selectors of one rule; this module checks the rules together.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, is_plain
from trainer.core.errors import ConfigError
from trainer.core.text import clip, shorten
from trainer.freezing.assignment import Assignment, assign
from trainer.freezing.gradient_cuts import gradient_cuts
from trainer.freezing.plan import STATISTICS, Plan, resolve
from trainer.freezing.selection import (
    Selection,
    ancestors,
    enclosing_cells,
    expand_all,
    select,
)
from trainer.freezing.unmatched_selectors import unmatched

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

_SHOWN = 3


def problems(rules: Sequence[Rule], tree: "ModuleTree") -> list[str]:
    """Return the errors of rules for a model that can be found before any data are read."""
    selector_errors = [text for r in rules if not r.optional for text in unmatched(r, tree)]
    if selector_errors:
        return selector_errors
    selections = [select(rule, tree) for rule in rules]
    assignments = assign(rules, selections, tree, ())
    conflicts = _conflicts(rules, tree)
    errors = list(conflicts.values())
    conflicting = {keys[1] for keys in conflicts}
    for rule, selection in zip(rules, selections, strict=True):
        if rule.key not in conflicting and not rule.optional:
            errors += _ineffective(rule, selection, assignments)
    errors += _not_cuttable(rules, selections, tree, assignments)
    return errors or all_frozen(resolve(rules, tree))


def validated_plan(
    rules: Sequence[Rule],
    tree: "ModuleTree",
    find_upstream: Callable[[Plan], Collection[str]],
    lr_decay: float = 1.0,
    no_decay: Collection[str] = (),
) -> Plan:
    """Return the plan of rules for a model, with what is upstream of their cuts frozen too.

    Args:
        rules: in order, without ``problems``.
        tree: the model's cells and parameters.
        find_upstream: returns what the cuts of a plan put out of the gradient's reach.
        lr_decay: see ``plan.resolve``.
        no_decay: likewise.

    Raises:
        ConfigError: nothing is left to train, or what is to train is out of reach.
    """
    plan = resolve(rules, tree, (), lr_decay, no_decay)
    if not plan.cuts:
        return plan
    upstream = find_upstream(plan)
    plan = resolve(rules, tree, upstream, lr_decay, no_decay)
    errors = out_of_reach(rules, plan, upstream) + reached_despite_cut(plan, tree, upstream)
    if errors := errors or all_frozen(plan):
        raise ConfigError(errors)
    return plan


def all_frozen(plan: Plan) -> list[str]:
    """Return the error of a plan under which nothing would train; empty if something does."""
    if plan.names("trainable"):
        return []
    causes = {p.by for p in plan.select("frozen") if p.by != STATISTICS}
    key = "policy" if any(cause.startswith("rule ") for cause in causes) else "freeze"
    return [
        f"{key}: expected at least one trainable parameter, but all are frozen "
        f"(by {shorten(sorted(map(clip, causes)))}); {_tie_remedy(key, plan)}"
        "freeze less, or let an earlier rule train some"
    ]


def _tie_remedy(key: str, plan: Plan) -> str:
    """Return what to do if a weight that is cut off is used in several places; empty if none is."""
    requires_grad = "method=requires_grad" if key == "freeze" else "method: requires_grad"
    for parameter in plan.select("frozen"):
        if plan.cuts and parameter.tied and parameter.by != STATISTICS:
            other = shorten(parameter.tied)
            return (
                f"{parameter.name} is tied, it is also {other}, and the cut behind "
                f"{shorten(plan.cuts)} freezes all that lies before it: {requires_grad} freezes "
                "the tied weight alone, in each of its places; or "
            )
    return ""


def out_of_reach(rules: Sequence[Rule], plan: Plan, upstream: Collection[str]) -> list[str]:
    """Return the errors of rules that train what the cuts put out of the gradient's reach."""
    errors = []
    for rule in rules:
        trained = [p.name for p in plan.select("trainable") if p.by == rule.label]
        if rule.label and (unreached := [name for name in trained if name in upstream]):
            errors.append(
                f"{rule.key}: expected parameters that the gradient reaches, but {_label(rule)} "
                f"trains {shorten(unreached)}, upstream of the cut behind {shorten(plan.cuts)}; "
                "freeze the cut cells by requires_grad, or do not train what is upstream"
            )
    return errors


def reached_despite_cut(plan: Plan, tree: "ModuleTree", upstream: Collection[str]) -> list[str]:
    """Return the errors of the model's own parameters that a cut is to freeze and does not."""
    owned = {p.name for p in tree.parameters if p.trainable and not p.cell}
    return [
        f"method: expected {p.name!r}, which {p.by!r} matches and the model itself owns, upstream "
        f"of a cut by {p.method}, but the gradient reaches it past {shorten(plan.cuts)}; freeze it "
        "by requires_grad"
        for p in plan.select("frozen")
        if p.method in plan.cut_methods and p.name in owned - set(upstream)
    ]


def _ineffective(
    rule: Rule, selection: Selection, assignments: Mapping[str, Assignment]
) -> list[str]:
    """Return the error of a rule that selects nothing, or nothing that earlier rules left."""
    selected = selection.parameters
    if not selected and not (rule.cuts and selection.cells):
        return [
            f"{rule.key}: expected a rule that matches a parameter, but {_label(rule)} matches "
            "none; widen it, leave it out, or allow for that by optional: true"
        ]
    decided = [assignments[name] for name in selected if assignments[name].rule is rule]
    only_buffers = all(assignment.state == "buffer" for assignment in decided)
    if decided and not rule.freezes and not rule.norm and only_buffers:
        return [f"{rule.key}: {rule.label} trains only parameters that the model itself freezes"]
    if decided or not selected:
        return []
    others = {assignments[name].rule for name in selected}
    earlier = shorten(sorted(_label(other) for other in others if other))
    return [
        f"{rule.key}: expected parameters left for {_label(rule)}, but all {len(selected)} that it "
        f"selects are already decided by {earlier}; put it first, or leave it out"
    ]


def _conflicts(rules: Sequence[Rule], tree: "ModuleTree") -> dict[tuple[str, str], str]:
    """Return the errors of pairs of rules that name a parameter equally closely, by their keys."""
    errors: dict[tuple[str, str], str] = {}
    named = [rule for rule in rules if rule.only_names]
    names = {id(rule): _plain_names(rule, tree) for rule in named}
    for info in tree.parameters:
        for one, other in combinations(named, 2):
            keys = one.key, other.key
            if keys not in errors and one.treatment != other.treatment:
                first, second = (_closest(info, names[id(rule)]) for rule in (one, other))
                if first and second and first[0] == second[0]:
                    errors[keys] = (
                        f"{other.key}: expected one rule to decide {info.name!r}, but "
                        f"{first[1]!r} in {one.key} and {second[1]!r} name it equally closely and "
                        "treat it differently; leave one out, or name it in `except`"
                    )
    return errors


def _plain_names(rule: Rule, tree: "ModuleTree") -> list[str]:
    """Return a rule's plain names, with indices replaced; none if the rule has exceptions."""
    patterns = expand_all(rule.patterns, tree) if not rule.excluded else []
    return [pattern for pattern in patterns if is_plain(pattern)]


def _closest(info: "ParameterInfo", names: Collection[str]) -> tuple[int, str] | None:
    """Return how many levels above a parameter the closest of some names is, and that name."""
    levels = []
    for alias in info.names:
        line = [*ancestors(alias), alias]
        levels += [(len(line) - at, name) for at, name in enumerate(line) if name in names]
    return min(levels, default=None)


def _not_cuttable(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    tree: "ModuleTree",
    assignments: Mapping[str, Assignment],
) -> Iterator[str]:
    """Yield the errors of parameters to be cut off without a cell that can be cut behind them."""
    cuts = gradient_cuts(rules, selections, tree, assignments)
    called = {cell.name: cell.called for cell in tree.cells}
    for rule in (rule for rule in rules if rule.cuts):
        uncut = [
            p
            for p in tree.parameters
            if assignments[p.name].rule is rule and p.trainable
            if p.cell or rule.method not in cuts.values()  # see `reached_despite_cut`
            if not enclosing_cells(p) & set(cuts)
        ]
        for info in uncut[:_SHOWN]:
            yield _not_cuttable_error(rule, info, assignments[info.name].by, called.get(info.cell))


def _not_cuttable_error(rule: Rule, info: "ParameterInfo", by: str, called: bool | None) -> str:
    remedy = "method=requires_grad" if rule.key == "freeze" else "method: requires_grad"
    if called:
        select_cell = f"freeze={info.cell}" if rule.key == "freeze" else f"select: {info.cell}"
        remedy = f"{select_cell} or {remedy}"
    return (
        f"{rule.where('method')}: expected whole cells for {rule.method}, received {by!r}, "
        f"which matches {info.name!r} but {_why_not_cuttable(info, called)}; use {remedy}"
    )


def _why_not_cuttable(info: "ParameterInfo", called: bool | None) -> str:
    if not info.cell:
        return "the model itself owns it, and behind the model nothing is left to cut"
    return "not all of its cell" if called else f"{info.cell!r} is a container, never called itself"


def _label(rule: Rule) -> str:
    return clip(rule.label or f"{rule.key}={','.join(rule.patterns)}")

"""Faults: what is wrong with rules for one net, each text with its mend. Pure Python."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, is_plain
from trainer.core.errors import ConfigError
from trainer.core.text import shorten
from trainer.freezing.assignment import Assignment, assign
from trainer.freezing.gradient_cuts import gradient_cuts
from trainer.freezing.plan import STATISTICS, Plan, resolve
from trainer.freezing.selection import Selection, ancestors, enclosing_cells, expand_all, select
from trainer.freezing.unmatched import unmatched

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

_SHOWN = 3


def problems(rules: Sequence[Rule], layout: "ModuleTree") -> list[str]:
    """Return what is wrong with rules for a net, as far as it shows before any data are read."""
    found = [text for rule in rules if not rule.optional for text in unmatched(rule, layout)]
    if found:
        return found
    selections = [select(rule, layout) for rule in rules]
    claimed = assign(rules, selections, layout, ())
    disputes = _disputes(rules, layout)
    found += disputes.values()
    disputed = {pair[1] for pair in disputes}
    for rule, selection in zip(rules, selections, strict=True):
        if rule.key not in disputed and not rule.optional:
            found += _idle(rule, selection, claimed)
    found += _uncut(rules, selections, layout, claimed)
    return found or all_frozen(resolve(rules, layout))


def validated_plan(
    rules: Sequence[Rule],
    layout: "ModuleTree",
    behind: Callable[[Plan], Collection[str]],
    lr_decay: float = 1.0,
) -> Plan:
    """Return the plan of rules for a net, what lies upstream of their cuts included.

    Args:
        rules: in order, without ``problems``.
        layout: the net's cells and parameters.
        behind: finds what the cuts of a plan put out of the gradient's reach.
        lr_decay: see ``plan.resolve``.

    Raises:
        ConfigError: nothing is left to train, or what is to train lies out of reach.
    """
    found = resolve(rules, layout, lr_decay=lr_decay)
    if not found.cuts:
        return found
    lost = behind(found)
    found = resolve(rules, layout, lost, lr_decay)
    wrong = out_of_reach(rules, found, lost) + reached_despite_cut(found, layout, lost)
    if wrong := wrong or all_frozen(found):
        raise ConfigError(wrong)
    return found


def all_frozen(plan: Plan) -> list[str]:
    """Return the problem of a plan under which nothing would train, if it is one."""
    if plan.names("trainable"):
        return []
    causes = {p.by for p in plan.select("frozen") if p.by != STATISTICS}
    why, key = ", ".join(sorted(causes)), "policy" if _of_policy(causes) else "freeze"
    return [
        f"{key}: expected at least one trainable parameter, but all are frozen (by {why}); "
        "freeze less, or let an earlier rule train some"
    ]


def _of_policy(causes: Collection[str]) -> bool:
    return any(cause.startswith("rule ") for cause in causes)


def out_of_reach(rules: Sequence[Rule], plan: Plan, upstream: Collection[str]) -> list[str]:
    """Return what a rule trains though it lies where the cuts let no gradient through."""
    found = []
    for rule in rules:
        lost = [p.name for p in plan.select("trainable") if p.by == rule.label]
        if rule.label and (lost := [name for name in lost if name in upstream]):
            found.append(
                f"{rule.key}: expected parameters that the gradient reaches, but of those that "
                f"{rule.label} trains {shorten(lost)} lie upstream of the cut behind "
                f"{shorten(plan.cuts)}; freeze those by requires_grad, or do not train these"
            )
    return found


def reached_despite_cut(plan: Plan, layout: "ModuleTree", upstream: Collection[str]) -> list[str]:
    """Return what the net itself owns and is to be cut off, but lies upstream of no cut."""
    trainable = {p.name for p in layout.parameters if p.trainable and not p.cell}
    return [
        f"method: expected {p.name!r}, which {p.by!r} takes and the net itself owns, upstream of a "
        f"cut by {p.method}, but the gradient reaches it past {shorten(plan.cuts)}; freeze it by "
        "requires_grad"
        for p in plan.select("frozen")
        if p.method in plan.cut_methods and p.name in trainable - set(upstream)
    ]


def _idle(rule: Rule, selection: Selection, claimed: Mapping[str, Assignment]) -> list[str]:
    """Return the problem of a rule that takes nothing, or nothing that others left."""
    taken = selection.parameters
    if not taken and not (rule.cuts and selection.cells):
        return [
            f"{rule.key}: expected a rule that takes a parameter, but {rule.label} takes none; "
            "widen it, leave it out, or allow for that by optional: true"
        ]
    mine = [claimed[name] for name in taken if claimed[name].rule is rule]
    if mine and not rule.freezes and not rule.norm and all(c.state == "buffer" for c in mine):
        return [f"{rule.key}: {rule.label} trains nothing but what the net itself holds still"]
    if mine or not taken:
        return []
    before = {claim.rule for name in taken if (claim := claimed[name])}
    earlier = ", ".join(sorted(_called(other) for other in before if other))
    return [
        f"{rule.key}: expected something left for {_called(rule)}, but all {len(taken)} parameters "
        f"that it selects are taken before by {earlier}; put it first, or leave it out"
    ]


def _disputes(rules: Sequence[Rule], layout: "ModuleTree") -> dict[tuple[str, str], str]:
    """Return, by the keys of two rules, that they claim a parameter by names of equal weight."""
    found: dict[tuple[str, str], str] = {}
    named = [rule for rule in rules if rule.only_names]
    claimants = {id(rule): _plain(rule, layout) for rule in named}
    for info in layout.parameters:
        for one, other in combinations(named, 2):
            pair = one.key, other.key
            if pair not in found and one.treatment != other.treatment:
                mine, theirs = (_weight(info, claimants[id(rule)]) for rule in (one, other))
                if mine and theirs and mine[0] == theirs[0]:
                    found[pair] = (
                        f"{other.key}: expected one claim of equal weight on {info.name!r}, but "
                        f"{mine[1]!r} in {one.key} and {theirs[1]!r} treat it differently; leave "
                        "one out, or name it in `except`"
                    )
    return found


def _plain(rule: Rule, layout: "ModuleTree") -> list[str]:
    """Return a rule's plain names, indices and slices replaced; exceptions leave it none."""
    deep = expand_all(rule.patterns, layout) if not rule.excluded else []
    return [name for name in deep if is_plain(name)]


def _weight(info: "ParameterInfo", plain: Collection[str]) -> tuple[int, str] | None:
    """Return how many levels above a parameter the nearest plain name stands, and that name."""
    found = []
    for name in info.names:
        line = [*ancestors(name), name]
        found += [(len(line) - at, n) for at, n in enumerate(line) if n in plain]
    return min(found, default=None)


def _uncut(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    layout: "ModuleTree",
    claimed: Mapping[str, Assignment],
) -> Iterator[str]:
    """Tell of parameters that a rule is to cut off though no cell can be cut behind them."""
    behind = gradient_cuts(rules, selections, layout, claimed)
    called = {cell.name: cell.called for cell in layout.cells}
    for rule in (rule for rule in rules if rule.cuts):
        lost = [
            p
            for p in layout.parameters
            if claimed[p.name].rule is rule and p.trainable
            if p.cell or rule.method not in behind.values()  # see `still_reached`
            if not enclosing_cells(p) & set(behind)
        ]
        for info in lost[:_SHOWN]:
            why = _why_uncut(info, called.get(info.cell))
            by = claimed[info.name].by
            mend = "method=requires_grad" if rule.key == "freeze" else "method: requires_grad"
            whole = f"{_select(rule, info.cell)} or " if called.get(info.cell) else ""
            yield (
                f"{rule.where('method')}: expected whole cells for {rule.method}, received {by!r}, "
                f"which takes {info.name!r} but {why}; use {whole}{mend}"
            )


def _why_uncut(info: "ParameterInfo", called: bool | None) -> str:
    if not info.cell:
        return "the net itself owns that, behind which nothing is left to cut"
    return "not all of its cell" if called else f"{info.cell!r} is a container, never called itself"


def _select(rule: Rule, cell: str) -> str:
    return f"freeze={cell}" if rule.key == "freeze" else f"select: {cell}"


def _called(rule: Rule) -> str:
    return rule.label or f"{rule.key}={','.join(rule.patterns)}"

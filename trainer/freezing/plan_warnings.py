"""Surprises: what a plan does that its author may not have meant. Pure Python."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches
from trainer.core.text import shorten
from trainer.freezing.plan import UPSTREAM, Plan
from trainer.freezing.selection import expand_all, select

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def plan_warnings(
    plan: Plan, rules: Sequence[Rule], layout: "ModuleTree", new_head: Sequence[str] = ()
) -> list[str]:
    """Return what may surprise, a line each.

    Args:
        plan: of the rules, for the net.
        rules: in order.
        layout: the net's.
        new_head: patterns of what is made anew rather than loaded.
    """
    return [
        *_uncounted(rules, layout),
        *_moving(plan, layout),
        *plan.notes,
        *_more_than_asked(plan),
        *_shadowed(rules, layout),
        *_frozen_anew(plan, expand_all(new_head, layout)),
    ]


def _uncounted(rules: Sequence[Rule], layout: "ModuleTree") -> Iterator[str]:
    """Tell of layers that are counted in another order than that in which the net calls them."""
    if any(rule.ordered for rule in rules) and not layout.order:
        yield (
            "first and last layers are counted in the order of definition, for no guessed input "
            "runs through the net"
        )


def _moving(plan: Plan, layout: "ModuleTree") -> Iterator[str]:
    """Tell of running statistics that move in cells whose weights are all frozen."""
    statistics = {p.name for p in layout.parameters if p.statistic}
    cells = {p.name: p.cell for p in layout.parameters}
    moving = {cells[p.name] for p in plan.select("buffer") if p.name in statistics}
    trained = {cells[p.name] for p in plan.select("trainable")}
    frozen = {cells[p.name] for p in plan.select("frozen")}
    if left := [c.name for c in layout.cells if c.name in (moving & frozen) - trained]:
        yield (
            f"running statistics move in {len(left)} cells whose weights are frozen: "
            f"{shorten(left)} (to hold them: norm=eval)"
        )


def _more_than_asked(plan: Plan) -> Iterator[str]:
    """Tell of what is frozen only because it lies upstream of a cut."""
    if more := [p.name for p in plan.select("frozen") if p.by == UPSTREAM]:
        yield (
            f"{len(more)} parameters that no rule names are frozen, for they lie upstream of a "
            f"cut: {shorten(more)} (to let the gradient pass: requires_grad)"
        )


def _shadowed(rules: Sequence[Rule], layout: "ModuleTree") -> Iterator[str]:
    """Tell of rules that earlier ones keep from some of what they select."""
    taken: dict[str, Rule] = {}
    for rule in rules:
        mine = sorted(select(rule, layout).parameters)
        if rule.patterns or rule.kinds or rule.roles or rule.positioned:
            lost = [n for n in mine if n in taken and taken[n].treatment != rule.treatment]
            for other in dict.fromkeys(taken[name] for name in lost):
                names = [name for name in lost if taken[name] == other]
                yield (
                    f"{_called(other)} keeps {len(names)} of the {len(mine)} parameters of "
                    f"{_called(rule)} from it: {shorten(names)}"
                )
        taken = dict.fromkeys(mine, rule) | taken


def _frozen_anew(plan: Plan, new_head: Sequence[str]) -> Iterator[str]:
    """Tell of fresh random weights that are frozen."""
    names = [p.name for p in plan.select("frozen") if any(matches(n, p.name) for n in new_head)]
    if names:
        yield f"{shorten(names)} are made anew (new_head) and frozen: they stay random"


def _called(rule: Rule) -> str:
    return rule.label or f"freeze={','.join(rule.patterns)}"

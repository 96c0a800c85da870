"""Plan warnings: what a plan does that its author may not have meant. Pure Python."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches
from trainer.core.text import clip, quantity, shorten
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import Plan, decays_by_default
from trainer.freezing.selection import expand_all, select

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def plan_warnings(
    plan: Plan, rules: Sequence[Rule], tree: "ModuleTree", new_head: Sequence[str] = ()
) -> list[str]:
    """Return the warnings about a plan, one line each.

    Args:
        plan: the plan of the rules for the model.
        rules: in order.
        tree: the model's cells and parameters.
        new_head: patterns of what is re-initialised rather than loaded.
    """
    return [
        *_call_order_unknown(rules, tree),
        *_moving_statistics(plan, tree),
        *map(clip, plan.notes),
        *constant_parameters(plan, [p.name for p in tree.parameters if p.statistic]),
        *_frozen_upstream(plan),
        *_shadowed(rules, tree),
        *_frozen_new_head(plan, expand_all(new_head, tree)),
    ]


def undecayed_by_name(plan: Plan, tree: "ModuleTree") -> list[str]:
    """Return the warning that weight decay leaves out parameters only because of their names."""
    norms = {p.name for p in tree.parameters if p.role.startswith("norm_")}
    names = [
        p.name
        for p in plan.select("trainable")
        if p.name not in norms and p.weight_decay is None and not decays_by_default(p.name)
    ]
    if not names:
        return []
    count = quantity(len(names), "parameter")
    return [
        f"no weight decay for {count} outside normalisation cells, whose name has gamma or beta in "
        f"it: {shorten(names)} (to decide by the cell: optimizer.no_decay=[norm])"
    ]


def _call_order_unknown(rules: Sequence[Rule], tree: "ModuleTree") -> Iterator[str]:
    """Warn that layers are counted in another order than the one in which the model calls them."""
    if any(rule.ordered for rule in rules) and not tree.order:
        yield (
            "first and last layers are counted in the order of definition, because the model "
            "accepts none of the guessed inputs"
        )


def _moving_statistics(plan: Plan, tree: "ModuleTree") -> Iterator[str]:
    """Warn of running statistics that are updated in cells whose weights are all frozen."""
    statistics = {p.name for p in tree.parameters if p.statistic}
    owners = {p.name: p.cell for p in tree.parameters}
    moving = {owners[p.name] for p in plan.select("buffer") if p.name in statistics}
    trainable = {owners[p.name] for p in plan.select("trainable")}
    frozen = {owners[p.name] for p in plan.select("frozen")}
    if cells := [c.name for c in tree.cells if c.name in (moving & frozen) - trainable]:
        count = quantity(len(cells), "cell")
        yield (
            f"running statistics are updated in {count} whose weights are frozen: "
            f"{shorten(cells)} (to keep them unchanged: norm=eval)"
        )


def constant_parameters(plan: Plan, statistics: Collection[str]) -> Iterator[str]:
    """Report parameters that the model itself has set to ``requires_grad=False``.

    Args:
        plan: in which they are buffers.
        statistics: the other buffers, which are updated.
    """
    if names := [p.name for p in plan.select("buffer") if p.name not in statistics]:
        count = quantity(len(names), "parameter")
        yield (
            f"set to requires_grad=False by the model itself: {count}, {shorten(names)}; not "
            "trained, and not in the proof (freeze=NAME adds what it names)"
        )


def _frozen_upstream(plan: Plan) -> Iterator[str]:
    """Warn of parameters that are frozen only because they are upstream of a cut."""
    if names := [p.name for p in plan.select("frozen") if p.by == UPSTREAM]:
        count = quantity(len(names), "parameter")
        yield (
            "frozen although no rule names them, because they are upstream of a cut: "
            f"{count}, {shorten(names)} (to let the gradient pass: requires_grad)"
        )


def _shadowed(rules: Sequence[Rule], tree: "ModuleTree") -> Iterator[str]:
    """Warn of rules that lose some of what they select to earlier rules."""
    deciding: dict[str, Rule] = {}
    for rule in rules:
        selected = sorted(select(rule, tree).parameters)
        if rule.patterns or rule.kinds or rule.roles or rule.positioned:
            lost = [
                n for n in selected if n in deciding and deciding[n].treatment != rule.treatment
            ]
            for earlier in dict.fromkeys(deciding[name] for name in lost):
                names = [name for name in lost if deciding[name] == earlier]
                yield (
                    f"{_label(rule)} does not apply to {len(names)} of the {len(selected)} "
                    f"parameters that it selects, because {_label(earlier)} comes first: "
                    f"{shorten(names)}"
                )
        deciding = dict.fromkeys(selected, rule) | deciding


def _frozen_new_head(plan: Plan, new_head: Sequence[str]) -> Iterator[str]:
    """Warn of frozen weights that are new and random."""
    names = [p.name for p in plan.select("frozen") if any(matches(n, p.name) for n in new_head)]
    if names:
        yield f"{shorten(names)} are re-initialised (new_head) and frozen: they stay random"


def _label(rule: Rule) -> str:
    return clip(rule.label or f"freeze={','.join(rule.patterns)}")

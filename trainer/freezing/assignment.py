"""Assignment: which rule decides each parameter, and the state that it gives it. Pure Python."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches
from trainer.freezing.selection import Selection, expand

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

UPSTREAM = "upstream of the cut"
_AFFINE_ROLES = ("norm_scale", "norm_shift")


@dataclass(frozen=True)
class Assignment:
    """The state of one parameter, before the mode of its normalisation layer is considered.

    Attributes:
        state: ``trainable``, ``frozen`` or ``buffer``.
        rule: the first rule that matches it, or whose cut it is upstream of; None: no rule does.
        by: the pattern or label of that rule, or ``UPSTREAM``.
    """

    state: str
    rule: Rule | None = None
    by: str = ""

    @property
    def method(self) -> str:
        """The freeze method; empty unless frozen."""
        return self.rule.method if self.rule and self.state == "frozen" else ""


def assign(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    tree: "ModuleTree",
    upstream: Collection[str],
) -> dict[str, Assignment]:
    """Return the assignment of each parameter: the first rule that matches it decides.

    Args:
        rules: in order.
        selections: what each rule selects, regardless of the others.
        tree: the model's cells and parameters.
        upstream: names of the parameters that the cuts put out of the gradient's reach.
    """
    deciding_rules: dict[str, Rule] = {}
    for rule, selection in zip(rules, selections, strict=True):
        deciding_rules = dict.fromkeys(selection.parameters, rule) | deciding_rules
    cutting_rule = next((rule for rule in rules if rule.cuts), None)
    assignments = {}
    for info in tree.parameters:
        if info.name in deciding_rules:
            assignments[info.name] = _assign_by_rule(deciding_rules[info.name], info, tree)
        elif info.name in upstream:
            assignments[info.name] = Assignment("frozen", cutting_rule, UPSTREAM)
        else:
            assignments[info.name] = Assignment(_unfrozen_state(info))
    return assignments


def _assign_by_rule(rule: Rule, info: "ParameterInfo", tree: "ModuleTree") -> Assignment:
    trains = not rule.freezes or (rule.norm == "affine-only" and info.role in _AFFINE_ROLES)
    state = _unfrozen_state(info) if trains else "frozen"
    return Assignment(state, rule, _label(rule, info, tree))


def _unfrozen_state(info: "ParameterInfo") -> str:
    return "trainable" if info.trainable else "buffer"


def _label(rule: Rule, info: "ParameterInfo", tree: "ModuleTree") -> str:
    """Return the rule's label; without one, its first pattern that matches the parameter."""
    if rule.label:
        return rule.label
    return next(
        pattern
        for pattern in rule.patterns
        if any(matches(plain, name) for plain in expand(pattern, tree) for name in info.names)
    )

"""Claims: which rule takes each parameter, and what becomes of it. Pure Python."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config.rules import Rule, matches
from trainer.freezing.selection import Selection, expand

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

UPSTREAM = "upstream of the cut"
AFFINE = ("norm_scale", "norm_shift")


@dataclass(frozen=True)
class Assignment:
    """What becomes of one parameter, the mode of its normalisation left aside.

    Attributes:
        state: ``trainable``, ``frozen`` or ``buffer``.
        rule: the first rule that takes it, or whose cut it lies upstream of; None if none does.
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
    layout: "ModuleTree",
    upstream: Collection[str],
) -> dict[str, Assignment]:
    """Return the claim on each parameter: the first rule that takes it decides.

    Args:
        rules: in order.
        selections: what each of them takes, others left aside.
        layout: the net's cells and parameters.
        upstream: names of the parameters that the cuts put out of the gradient's reach.
    """
    first: dict[str, Rule] = {}
    for each, selection in zip(rules, selections, strict=True):
        first = dict.fromkeys(selection.parameters, each) | first
    cutter = next((rule for rule in rules if rule.cuts), None)
    found = {}
    for info in layout.parameters:
        free = "trainable" if info.trainable else "buffer"
        rule = first.get(info.name)
        if rule is not None:
            trains = not rule.freezes or (rule.norm == "affine-only" and info.role in AFFINE)
            found[info.name] = Assignment(
                free if trains else "frozen", rule, _by(rule, info, layout)
            )
        elif info.name in upstream:
            found[info.name] = Assignment("frozen", cutter, UPSTREAM)
        else:
            found[info.name] = Assignment(free)
    return found


def _by(rule: Rule, info: "ParameterInfo", layout: "ModuleTree") -> str:
    """Return the rule's label or, for a rule without one, that of its patterns which took."""
    if rule.label:
        return rule.label
    return next(
        pattern
        for pattern in rule.patterns
        if any(matches(deep, name) for deep in expand(pattern, layout) for name in info.names)
    )

"""Plan of phases: the tree of a model with a column per phase, and a row on each phase."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.cli import plan_tree
from trainer.cli.plan_tree import MIXED, Branch
from trainer.core.table import table
from trainer.core.text import clip, first_rows, shorten
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.phases.plan_changes import plan_changes

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree

COLUMNS = 8  # phases that are shown next to one another
_ROWS = 30
_SEPARATOR = "|"
_WORDS = {"trainable": "trains", "frozen": "frozen", "buffer": "constant"}
_HEAD = ("phase", "until", "starts from", "lr", "trains", "frozen", "backward", "changes state")


@dataclass(frozen=True)
class PhaseRow:
    """What is shown of a phase.

    Attributes:
        name: as in the settings.
        until: when it ends, in words.
        start: weights and optimizer state that it starts with, in words.
        rate: the learning rate, as text.
        plan: what is frozen.
        backward: share of work that the backward pass saves, as text.
    """

    name: str
    until: str
    start: str
    rate: str
    plan: Plan
    backward: str = ""


def tree_text(
    rows: Sequence[PhaseRow], layout: "ModuleTree", name: str, depth: int | None = None
) -> str:
    """Return the tree of a model with a column per phase, of the first phases if there are many.

    Args:
        rows: the phases.
        layout: the model's cells and parameters.
        name: of the root.
        depth: levels beneath the root to show at most; None: as many as differ.
    """
    shown = rows[:COLUMNS]
    root = plan_tree.tree(_joined([row.plan for row in shown], layout), layout, name, depth)
    lines: list[tuple[str, ...]] = [("model", "kind", "values", *(row.name for row in shown))]
    for lead, branch in plan_tree.lines(root):
        kind = f"{branch.count} x {branch.kind}" if branch.count > 1 else branch.kind
        states = _with_transitions(_states(branch, len(shown)))
        lines.append((lead + branch.name, kind, f"{branch.values:,}", *states))
    return table(lines, left=(0, 1, *range(3, 3 + len(shown))))


def rows_text(rows: Sequence[PhaseRow]) -> str:
    """Return a table with a row per phase, of the first phases if there are many."""
    lines: list[tuple[str, ...]] = [_HEAD]
    for at, row in enumerate(rows):
        sizes = [f"{_size(row.plan, state):,}" for state in ("trainable", "frozen")]
        changes = clip(_changes(rows[at - 1].plan, row.plan), 60) if at else ""
        start = (row.start, row.rate) if at else ("", row.rate)
        lines.append((row.name, row.until, *start, *sizes, row.backward, changes))
    head, *others = table(lines, left=(0, 1, 2, 7)).splitlines()
    return "\n".join([head, *first_rows(others, _ROWS)])


def notes(rows: Sequence[PhaseRow]) -> list[str]:
    """Return of each phase what trains in it, and what it changes."""
    texts = []
    for at, row in enumerate(rows):
        sizes = _size(row.plan, "trainable"), _size(row.plan, "trainable", "frozen", "buffer")
        changes = f"; {_changes(rows[at - 1].plan, row.plan)}" if at else ""
        texts.append(f"{sizes[0]:,} of {sizes[1]:,} values train{changes}")
    return texts


def _size(plan: Plan, *states: str) -> int:
    return sum(math.prod(p.shape) for state in states for p in plan.select(state))


def _changes(before: Plan, now: Plan) -> str:
    changes = plan_changes(before, now)
    groups = (("thaws", changes.thawed), ("freezes", changes.frozen), ("rates", changes.treated))
    return "; ".join(f"{verb} {shorten(names, 2)}" for verb, names in groups if names) or "nothing"


def _joined(plans: Sequence[Plan], layout: "ModuleTree") -> Plan:
    """Return a plan in which the state of a parameter is that in each of several plans."""
    statistics = {p.name for p in layout.parameters if p.statistic}
    parameters = []
    for states in zip(*(plan.parameters for plan in plans), strict=True):
        first, joined = states[0], _SEPARATOR.join(map(_word, states))
        state = "frozen" if first.name in statistics else joined
        parameters.append(ParameterPlan(first.name, first.shape, first.nbytes, state))
    return Plan(tuple(parameters))


def _word(parameter: ParameterPlan) -> str:
    word, factor = _WORDS[parameter.state], parameter.lr_factor
    return word if factor in (None, 1.0) else f"{word} x {factor:.3g}"


def _states(branch: Branch, count: int) -> list[str]:
    """Return the state of a branch in each phase; ``mixed`` where its weights have several."""
    if branch.state != MIXED:
        return branch.state.split(_SEPARATOR) if branch.values else [""] * count
    if not branch.children:
        return [MIXED] * count
    columns = zip(*(_states(c, count) for c in branch.children if c.values), strict=True)
    return [states[0] if len(set(states)) == 1 else MIXED for states in columns]


def _with_transitions(states: Sequence[str]) -> Iterator[str]:
    """Yield states, with another word where a phase changes them."""
    for at, state in enumerate(states):
        was = states[at - 1] if at else state
        if was == "frozen" and state.startswith("trains"):
            yield state.replace("trains", "thaws", 1)
        elif was.startswith("trains") and state == "frozen":
            yield "freezes"
        else:
            yield state

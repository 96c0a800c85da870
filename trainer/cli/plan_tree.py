"""Plan tree: a plan by cells, folded where branches or siblings are treated alike. Pure Python."""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from trainer.core.table import table
from trainer.core.text import clip
from trainer.freezing.plan import ParameterPlan, Plan, decays_by_default

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree

MIXED = "mixed"
_MANY_PATTERNS = 9  # more than can be read next to one another
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class Treatment:
    """How the weights of a branch are treated, if all are treated alike."""

    state: str
    by: str = ""
    lr_factor: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True)
class Branch:
    """A cell with all beneath it, a parameter, or several siblings that are alike.

    Attributes:
        name: the last part of its dotted name; ``0-5`` for siblings put together.
        kind: class name of the cell; empty for a parameter.
        count: how many siblings it stands for.
        values: numbers in its weights, running statistics left out.
        state: of its weights; ``mixed`` if they have several.
        treatment: None if its weights are treated differently.
        norm: ``eval`` if its running statistics are held, ``train`` if they move, ``mixed``, or
            empty if it has none.
        decayed: whether weight decay applies to any of its weights by default.
        cut: whether the gradient is cut behind it.
        inner: the cells in it that the gradient is cut behind.
        children: in the order of definition; empty where it is folded.
    """

    name: str
    kind: str
    values: int
    state: str
    treatment: Treatment | None
    norm: str
    decayed: bool
    cut: bool = False
    inner: int = 0
    count: int = 1
    children: tuple["Branch", ...] = ()


def tree(
    plan: Plan,
    layout: "ModuleTree",
    name: str,
    depth: int | None = None,
    decay_by_name: bool = True,
) -> Branch:
    """Return the tree of the model.

    Args:
        plan: the plan for the model.
        layout: the model's cells and parameters.
        name: of the root.
        depth: levels beneath the root to show at most; None: as many as there are.
        decay_by_name: whether MindSpore decides by a parameter's name if it has weight decay.
    """
    return _Reader(plan, layout, decay_by_name).branch(
        "", name, math.inf if depth is None else depth
    )


class _Reader:
    def __init__(self, plan: Plan, layout: "ModuleTree", decay_by_name: bool) -> None:
        self._decay_by_name = decay_by_name
        self._kinds = {cell.name: cell.kind for cell in layout.cells}
        self._statistics = {p.name for p in layout.parameters if p.statistic}
        self._cuts = plan.cuts
        self._children: dict[str, list[str]] = {}
        for cell in layout.cells:
            self._children.setdefault(cell.name.rpartition(".")[0], []).append(cell.name)
        cells = {p.name: p.cell for p in layout.parameters}
        self._own: dict[str, list[ParameterPlan]] = {}
        for parameter in plan.parameters:
            self._own.setdefault(cells[parameter.name], []).append(parameter)

    def branch(self, cell: str, name: str, depth: float) -> Branch:
        """Return the branch of a cell, opened where its weights differ and ``depth`` allows."""
        held = list(self._held(cell))
        inner = sum(cut.startswith(f"{cell}.") for cut in self._cuts) if cell else len(self._cuts)
        branch = replace(
            self._branch(name, self._kinds.get(cell, ""), held),
            cut=cell in self._cuts,
            inner=inner,
        )
        if depth < 1 or (cell and branch.treatment and branch.norm != MIXED):
            return branch
        own, inner_cells, prefix = self._own.get(cell, ()), self._children.get(cell, ()), f"{cell}."
        own_parameters = [self._branch(p.name.removeprefix(prefix), "", [p]) for p in own]
        cells = [self.branch(c, c.removeprefix(prefix), depth - 1) for c in inner_cells]
        shown = [child for child in cells if child.treatment or child.values or child.cut]
        return replace(branch, children=tuple(_folded([*own_parameters, *shown])))

    def _held(self, cell: str) -> Iterable[ParameterPlan]:
        yield from self._own.get(cell, ())
        for child in self._children.get(cell, ()):
            yield from self._held(child)

    def _branch(self, name: str, kind: str, held: list[ParameterPlan]) -> Branch:
        weights = [p for p in held if p.name not in self._statistics]
        norms = {_NORM[p.state] for p in held if p.name in self._statistics}
        ways = _merge_patterns({_treatment(p) for p in weights or held})
        states = {way.state for way in ways}
        return Branch(
            name=name,
            kind=kind,
            values=sum(math.prod(p.shape) for p in weights),
            state=_one(states),
            treatment=next(iter(ways)) if len(ways) == 1 else None,
            norm=_one(norms),
            decayed=any(not self._decay_by_name or decays_by_default(p.name) for p in weights),
        )


_NORM = {"frozen": "eval", "buffer": "train"}


def _one(states: Collection[str]) -> str:
    return MIXED if len(states) > 1 else next(iter(states), "")


def _treatment(p: ParameterPlan) -> Treatment:
    how = ", ".join(filter(None, (p.method, p.dtype)))
    return Treatment(p.state, f"{p.by} ({how})" if how else p.by, p.lr_factor, p.weight_decay)


def _merge_patterns(ways: set[Treatment]) -> set[Treatment]:
    """Return treatments as one if they differ in nothing except many patterns or rules."""
    merged = {replace(way, by="") for way in ways}
    if len(ways) < _MANY_PATTERNS or len(merged) > 1:
        return ways
    return {replace(merged.pop(), by=f"{len(ways)} patterns or rules")}


def _folded(branches: Iterable[Branch]) -> Iterator[Branch]:
    """Put neighbours together that differ in nothing but the number at the end of their names."""
    for _, siblings in groupby(branches, key=lambda b: (_stem(b.name), _without_pattern(b))):
        group = list(siblings)
        treatments = {branch.treatment for branch in group if branch.treatment}
        merged = _merge_patterns(treatments)
        if merged != treatments:
            yield replace(_together(group), treatment=merged.pop())
        else:
            yield from (_together(list(alike)) for _, alike in groupby(group, key=_likeness))


def _stem(name: str) -> str:
    match = _NUMBERED.fullmatch(name)
    return match[1] if match else f"{name}."


def _likeness(branch: Branch) -> Branch:
    inner = tuple(replace(_likeness(child), name=child.name) for child in branch.children)
    return replace(branch, name="", values=0, inner=0, children=inner)


def _without_pattern(branch: Branch) -> Branch:
    """Return what a branch is like, apart from the pattern or rule that decided on it."""
    way = branch.treatment
    return replace(_likeness(branch), treatment=replace(way, by="") if way else None)


def _together(alike: Sequence[Branch]) -> Branch:
    first, last = alike[0], alike[-1]
    if len(alike) == 1:
        return first
    stem = _stem(first.name)
    rows = zip(*(branch.children for branch in alike), strict=True)
    return replace(
        first,
        name=f"{first.name}-{last.name.removeprefix(stem)}",
        values=sum(branch.values for branch in alike),
        inner=sum(branch.inner for branch in alike),
        count=len(alike),
        children=tuple(_summed(row) for row in rows),
    )


def _summed(alike: Sequence[Branch]) -> Branch:
    """Return one branch with the values of the same branch under several siblings."""
    rows = zip(*(branch.children for branch in alike), strict=True)
    return replace(
        alike[0],
        values=sum(branch.values for branch in alike),
        inner=sum(branch.inner for branch in alike),
        children=tuple(_summed(row) for row in rows),
    )


_HEAD = ("model", "kind", "values", "state", "lr", "decay", "norm", "by")


def text(root: Branch, lr: float, weight_decay: float) -> str:
    """Return a tree as text, under the optimizer's learning rate and weight decay."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for lead, branch in lines(root):
        rows.append((lead + branch.name, *_columns(branch, lr, weight_decay)))
    return table(rows, left=(0, 1, 3, 7))


def lines(branch: Branch, lead: str = "", below: str = "") -> Iterator[tuple[str, Branch]]:
    """Yield a branch and all beneath it, each with the lines that lead to it."""
    yield lead, branch
    for at, child in enumerate(branch.children, 1):
        ends = at == len(branch.children)
        yield from lines(
            child, below + ("└─ " if ends else "├─ "), below + ("   " if ends else "│  ")
        )


def _columns(branch: Branch, lr: float, weight_decay: float) -> tuple[str, ...]:
    kind = f"{branch.count} x {branch.kind}" if branch.count > 1 else branch.kind
    way = branch.treatment
    rate = decay = ""
    if way and way.lr_factor is not None:
        rate = f"{lr * way.lr_factor:.4g}"
        default = weight_decay if branch.decayed else 0.0
        decay = f"{default if way.weight_decay is None else way.weight_decay:.4g}"
    by = "; ".join(text for text in (clip(way.by) if way else "", *_cut(branch)) if text)
    return kind, f"{branch.values:,}", branch.state, rate, decay, branch.norm, by


def _cut(branch: Branch) -> Iterator[str]:
    if branch.cut:
        yield "cut behind each" if branch.count > 1 else "cut behind it"
    elif branch.inner and not branch.children:
        yield "a cut inside" if branch.inner == 1 else f"{branch.inner} cuts inside"

"""Plan: rules resolved against one net. Pure Python."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from trainer.errors import nearest
from trainer.rules import Rule, takes

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.layout import Layout, ParameterInfo

UPSTREAM = "upstream of the cut"
STATISTICS = "statistics of the frozen part"


@dataclass(frozen=True)
class ParameterPlan:
    """How one parameter is treated.

    Attributes:
        name: dotted path from the net's root.
        shape: its shape.
        nbytes: bytes of its data.
        state: ``trainable``, ``frozen``, or ``buffer`` (no gradient, but the net may update it).
        by: the pattern that took it, or why else it is frozen; empty if nothing did.
        method: the freeze method; empty unless frozen.
    """

    name: str
    shape: tuple[int, ...]
    nbytes: int
    state: str
    by: str = ""
    method: str = ""


@dataclass(frozen=True)
class Plan:
    """What is frozen in one net, and how.

    Attributes:
        parameters: every parameter of the net once, in the order of definition.
        cuts: names of the cells behind whose output the gradient stops.
        inference: names of the cells whose normalisation and dropout are in inference mode; all
            beneath such a cell is too.
    """

    parameters: tuple[ParameterPlan, ...]
    cuts: tuple[str, ...] = ()
    inference: tuple[str, ...] = ()

    def select(self, state: str) -> tuple[ParameterPlan, ...]:
        """The parameters in a state."""
        return tuple(p for p in self.parameters if p.state == state)

    def names(self, state: str) -> tuple[str, ...]:
        """Names of the parameters in a state."""
        return tuple(p.name for p in self.select(state))

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data, in a stable order."""
        return asdict(self)


def resolve(rules: Sequence[Rule], layout: "Layout", upstream: Collection[str] = ()) -> Plan:
    """Return the plan of rules for a net.

    Args:
        rules: in order; the first that takes a parameter decides.
        layout: the net's cells and parameters.
        upstream: names of parameters, and of cells without parameters, that the cuts put out of the
            gradient's reach (see ``trainer.upstream``).
    """
    taken = {p.name: _take(p, rules, upstream) for p in layout.parameters}
    inference = _inference(rules, layout, taken, upstream)
    parameters = []
    for info in layout.parameters:
        state, by, method = taken[info.name]
        if info.statistic:
            still = not inference.isdisjoint(_ancestors(info.name))
            state, by = ("frozen", by or STATISTICS) if still else ("buffer", "")
            method = method if still else ""
        parameters.append(ParameterPlan(info.name, info.shape, info.nbytes, state, by, method))
    cuts = dict.fromkeys(cell for rule in rules if rule.cuts for cell in _cuts(rule, layout))
    return Plan(tuple(parameters), tuple(cuts), _topmost(layout, inference))


def problems(rules: Sequence[Rule], layout: "Layout") -> list[str]:
    """Return what is wrong with rules for this net, each text with its mend."""
    found = []
    for rule in rules:
        for pattern in rule.patterns:
            found += _pattern_problems(pattern, rule, layout)
    return found or all_frozen(resolve(rules, layout))


def all_frozen(plan: Plan) -> list[str]:
    """Return the problem of a plan under which nothing would train, if it is one."""
    if plan.names("trainable"):
        return []
    why = ", ".join(sorted({p.by for p in plan.select("frozen") if p.by != STATISTICS}))
    return [f"freeze: expected at least one trainable parameter, but all are frozen (by {why})"]


def _take(
    info: "ParameterInfo", rules: Sequence[Rule], upstream: Collection[str]
) -> tuple[str, str, str]:
    """Return (state, by, method) of a parameter, its normalisation's mode left aside."""
    for rule in rules:
        for pattern in rule.patterns:
            if takes(pattern, info.name):
                return "frozen", pattern, rule.method
    if info.name in upstream:
        return "frozen", UPSTREAM, next(rule.method for rule in rules if rule.cuts)
    return ("trainable" if info.trainable else "buffer"), "", ""


def _inference(
    rules: Sequence[Rule],
    layout: "Layout",
    taken: dict[str, tuple[str, str, str]],
    upstream: Collection[str],
) -> set[str]:
    """Return the cells that lie in the frozen part whole: those to run in inference mode."""
    if any(rule.norm != "eval" for rule in rules):
        return set()
    open_, closed, chosen = set[str](), set[str](), set[str]()
    for info in layout.parameters:
        state = taken[info.name][0]
        if info.statistic and state == "frozen":
            chosen.add(info.cell)
        elif state != "buffer":
            (closed if state == "frozen" else open_).update(_ancestors(info.name))
    chosen |= closed - open_
    patterns = [pattern for rule in rules for pattern in rule.patterns]
    for cell in layout.cells:
        bare = cell.name not in open_ and cell.name not in closed
        taken_bare = bare and any(takes(pattern, cell.name) for pattern in patterns)
        if taken_bare or cell.name in upstream or not chosen.isdisjoint(_ancestors(cell.name)):
            chosen.add(cell.name)
    return chosen


def _cuts(rule: Rule, layout: "Layout") -> tuple[str, ...]:
    """Return the cells a rule cuts behind: the topmost ones it takes that are called themselves."""
    whole = _wholly_taken(rule, layout)
    chosen = {
        cell.name
        for cell in layout.cells
        if cell.called and (cell.name in whole or any(takes(p, cell.name) for p in rule.patterns))
    }
    return _topmost(layout, chosen)


def _wholly_taken(rule: Rule, layout: "Layout") -> set[str]:
    """Return the cells all of whose own parameters a rule takes, be it one by one."""
    owners, partly = set[str](), set[str]()
    for info in layout.parameters:
        if not info.statistic:
            owners.add(info.cell)
            if not any(takes(pattern, info.name) for pattern in rule.patterns):
                partly.add(info.cell)
    return owners - partly


def _topmost(layout: "Layout", chosen: Collection[str]) -> tuple[str, ...]:
    """Return the chosen cells that have no chosen cell above them."""
    cells = (cell.name for cell in layout.cells if cell.name in chosen)
    return tuple(name for name in cells if not any(a in chosen for a in _ancestors(name)))


def _pattern_problems(pattern: str, rule: Rule, layout: "Layout") -> list[str]:
    parameters = [p for p in layout.parameters if takes(pattern, p.name)]
    cells = {cell.name for cell in layout.cells if takes(pattern, cell.name)}
    if not parameters and not cells:
        return [unknown("freeze", pattern, layout.names)]
    if not rule.cuts:
        if parameters:
            return []
        return [f"freeze: {pattern!r} takes only cells without parameters: {rule.method} needs one"]
    whole = cells | _wholly_taken(rule, layout)
    return [
        f"freeze: expected whole cells for {rule.method}, received {pattern!r}, which takes "
        f"{p.name!r} but not all of its cell; use {_whole_cell(p)}method=requires_grad"
        for p in parameters
        if p.cell not in whole
    ][:3]


def _whole_cell(info: "ParameterInfo") -> str:
    return f"freeze={info.cell} or " if info.cell else ""


def unknown(key: str, pattern: str, names: Sequence[str]) -> str:
    """Return the problem of a pattern that takes nothing, with the names nearest to it."""
    deeper = sum(takes(f"*.{pattern}", name) for name in names)
    hint = f" ('*.{pattern}' would take {deeper} names)" if deeper else nearest(pattern, names)
    return f"{key}: expected a cell or parameter of the net, received {pattern!r}{hint}"


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]

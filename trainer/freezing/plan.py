"""Plan: rules resolved against one net. Pure Python."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from trainer.config.rules import Rule, matches
from trainer.core.errors import nearest
from trainer.freezing import assignment, layer_depth
from trainer.freezing.assignment import Assignment
from trainer.freezing.eval_modules import eval_modules
from trainer.freezing.gradient_cuts import gradient_cuts, topmost
from trainer.freezing.selection import Selection, select

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

UPSTREAM = assignment.UPSTREAM
STATISTICS = "statistics of the frozen part"


@dataclass(frozen=True)
class ParameterPlan:
    """How one parameter is treated.

    Attributes:
        name: dotted path from the net's root.
        shape: its shape.
        nbytes: bytes of its data.
        state: ``trainable``, ``frozen``, or ``buffer`` (no gradient, but the net may update it).
        by: the pattern or rule that took it, or why else it is frozen; empty if nothing did.
        method: the freeze method; empty unless frozen.
        lr_factor: times the optimizer's learning rate; None unless trainable.
        weight_decay: instead of the optimizer's; None: the optimizer's.
        tied: its other names, if it is one parameter under several cells.
    """

    name: str
    shape: tuple[int, ...]
    nbytes: int
    state: str
    by: str = ""
    method: str = ""
    lr_factor: float | None = None
    weight_decay: float | None = None
    tied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is frozen in one net, and how.

    Attributes:
        parameters: every parameter of the net once, in the order of definition.
        cuts: names of the cells behind whose output the gradient stops.
        inference: names of the cells whose normalisation and dropout are in inference mode; all
            beneath such a cell is too.
        cut_methods: the method of each cut, in the order of ``cuts``.
        notes: what may surprise: tied parameters, rules that took nothing though they might.
    """

    parameters: tuple[ParameterPlan, ...]
    cuts: tuple[str, ...] = ()
    inference: tuple[str, ...] = ()
    cut_methods: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def select(self, state: str) -> tuple[ParameterPlan, ...]:
        """The parameters in a state."""
        return tuple(p for p in self.parameters if p.state == state)

    def names(self, state: str) -> tuple[str, ...]:
        """Names of the parameters in a state."""
        return tuple(p.name for p in self.select(state))

    def cut_by(self, method: str) -> tuple[str, ...]:
        """Names of the cells that a method cuts behind."""
        pairs = zip(self.cuts, self.cut_methods, strict=True)
        return tuple(cell for cell, cutter in pairs if cutter == method)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data, in a stable order."""
        return asdict(self)


def resolve(
    rules: Sequence[Rule],
    layout: "ModuleTree",
    upstream: Collection[str] = (),
    lr_decay: float = 1.0,
) -> Plan:
    """Return the plan of rules for a net.

    Args:
        rules: in order; the first that takes a parameter decides.
        layout: the net's cells and parameters.
        upstream: names of parameters, and of cells without parameters, that the cuts put out of the
            gradient's reach (see ``trainer.backend.graph.reachability``).
        lr_decay: factor on the learning rate for each unit further from the head (see
            ``trainer.freezing.layer_depth``).
    """
    selections = [select(rule, layout) for rule in rules]
    claimed = assignment.assign(rules, selections, layout, upstream)
    modes = eval_modules(rules, selections, layout, claimed, upstream)
    heights = layer_depth.depth_from_head(layout) if lr_decay != 1 else {}
    parameters = tuple(
        _planned(info, claimed[info.name], modes, lr_decay ** heights.get(info.name, 0))
        for info in layout.parameters
    )
    cut = gradient_cuts(rules, selections, layout, claimed)
    notes = *_tied(layout), *_idle(rules, selections)
    return Plan(parameters, tuple(cut), topmost(layout, modes), tuple(cut.values()), notes)


def _planned(
    info: "ParameterInfo", claim: Assignment, modes: Collection[str], decay: float
) -> ParameterPlan:
    state, by, method, rule = claim.state, claim.by, claim.method, claim.rule
    if info.statistic:
        still = info.cell in modes
        state, by = ("frozen", by or STATISTICS) if still else ("buffer", "")
        method = method if still else ""
    trains = state == "trainable"
    return ParameterPlan(
        name=info.name,
        shape=info.shape,
        nbytes=info.nbytes,
        state=state,
        by=by,
        method=method,
        lr_factor=decay * (rule.lr_factor if rule else 1) if trains else None,
        weight_decay=rule.weight_decay if rule and trains else None,
        tied=info.aliases,
    )


def _tied(layout: "ModuleTree") -> list[str]:
    infos = [p for p in layout.parameters if p.aliases]
    return [f"{p.name} is also {', '.join(p.aliases)}: one parameter, one state" for p in infos]


def _idle(rules: Sequence[Rule], selections: Sequence[Selection]) -> list[str]:
    pairs = zip(rules, selections, strict=True)
    return [f"{rule.label} takes nothing in this net" for rule, s in pairs if not s.parameters]


def decays_by_default(name: str) -> bool:
    """Tell whether weight decay takes a parameter where no rule says so; MindSpore's own rule."""
    return "beta" not in name and "gamma" not in name


def unknown_name(key: str, pattern: str, names: Sequence[str]) -> str:
    """Return the problem of a pattern that takes nothing, with the names nearest to it."""
    deeper = sum(matches(f"*.{pattern}", name) for name in names)
    hint = f" ('*.{pattern}' would take {deeper} names)" if deeper else nearest(pattern, names)
    return f"{key}: expected a cell or parameter of the net, received {pattern!r}{hint}"

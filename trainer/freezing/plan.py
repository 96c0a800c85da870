"""Plan: rules resolved against one model. Pure Python."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from trainer.config.rules import Rule, matches
from trainer.core.errors import nearest
from trainer.freezing.assignment import UPSTREAM, Assignment, assign
from trainer.freezing.eval_modules import eval_modules
from trainer.freezing.gradient_cuts import gradient_cuts, topmost
from trainer.freezing.layer_depth import depth_from_head
from trainer.freezing.selection import Selection, select

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

STATISTICS = "statistics of the frozen part"
_NORM_ROLES = ("norm_scale", "norm_shift")


@dataclass(frozen=True)
class ParameterPlan:
    """How one parameter is treated.

    Attributes:
        name: dotted path from the model's root.
        shape: its shape.
        nbytes: bytes of its data.
        state: ``trainable``, ``frozen``, or ``buffer`` (no gradient, but the model may update it).
        by: the pattern or rule that matches it, or why else it is frozen; empty if none does.
        method: the freeze method; empty unless frozen.
        lr_factor: multiplies the optimizer's learning rate; None unless trainable.
        weight_decay: replaces the optimizer's; None: the optimizer's applies.
        tied: its other names, if several cells share it.
        dtype: the type in which it is stored; None: the model's.
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
    dtype: str | None = None


@dataclass(frozen=True)
class Plan:
    """What is frozen in one model, and how.

    Attributes:
        parameters: every parameter of the model once, in the order of definition.
        cuts: names of the cells behind whose output the gradient stops.
        inference: names of the topmost cells whose normalisation and dropout are in inference mode,
            with all cells beneath them.
        cut_methods: the method of each cut, in the order of ``cuts``.
        notes: warnings: tied parameters, and optional rules that match nothing.
    """

    parameters: tuple[ParameterPlan, ...]
    cuts: tuple[str, ...] = ()
    inference: tuple[str, ...] = ()
    cut_methods: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def select(self, state: str) -> tuple[ParameterPlan, ...]:
        """Return the parameters in a state."""
        return tuple(p for p in self.parameters if p.state == state)

    def names(self, state: str) -> tuple[str, ...]:
        """Return the names of the parameters in a state."""
        return tuple(p.name for p in self.select(state))

    def cut_by(self, method: str) -> tuple[str, ...]:
        """Return the names of the cells that a method cuts behind."""
        pairs = zip(self.cuts, self.cut_methods, strict=True)
        return tuple(cell for cell, cut_method in pairs if cut_method == method)

    @property
    def half(self) -> frozenset[str]:
        """The names of the parameters that are stored in half precision."""
        return frozenset(p.name for p in self.parameters if p.dtype == "float16")

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain data, in a stable order."""
        data = asdict(self)
        for row in data["parameters"]:
            if row["dtype"] is None:  # as in the plans of earlier versions
                del row["dtype"]
        return data


def resolve(
    rules: Sequence[Rule],
    tree: "ModuleTree",
    upstream: Collection[str] = (),
    lr_decay: float = 1.0,
    no_decay: Collection[str] = (),
) -> Plan:
    """Return the plan of rules for a model.

    Args:
        rules: in order; the first that matches a parameter decides.
        tree: the model's cells and parameters.
        upstream: names of the parameters, and of the cells without parameters, that the cuts put
            out of the gradient's reach (see ``trainer.backend.graph.reachability``).
        lr_decay: factor on the learning rate for each unit further from the head (see
            ``trainer.freezing.layer_depth``).
        no_decay: kinds of parameters without weight decay, unless a rule gives them one.
    """
    selections = [select(rule, tree) for rule in rules]
    assignments = assign(rules, selections, tree, upstream)
    modules = eval_modules(rules, selections, tree, assignments, upstream)
    depths = depth_from_head(tree) if lr_decay != 1 else {}
    parameters = tuple(
        _parameter_plan(info, assignments[info.name], modules, lr_decay ** depths.get(info.name, 0))
        for info in tree.parameters
    )
    parameters = tuple(map(partial(_without_decay, no_decay), parameters, tree.parameters))
    cuts = gradient_cuts(rules, selections, tree, assignments)
    notes = *_tied_notes(tree), *_unmatched_notes(rules, selections)
    return Plan(parameters, tuple(cuts), topmost(tree, modules), tuple(cuts.values()), notes)


def _parameter_plan(
    info: "ParameterInfo", assignment: Assignment, modules: Collection[str], decay: float
) -> ParameterPlan:
    state, by, method = assignment.state, assignment.by, assignment.method
    if info.statistic:  # it follows the mode of its cell
        frozen = info.cell in modules
        state, by = ("frozen", by or STATISTICS) if frozen else ("buffer", "")
        method = method if frozen else ""
    trains, rule = state == "trainable", assignment.rule
    dtype = _dtype(info, assignment) if state == "frozen" else None
    return ParameterPlan(
        name=info.name,
        shape=info.shape,
        nbytes=info.nbytes // 2 if dtype else info.nbytes,
        state=state,
        by=by,
        method=method,
        lr_factor=decay * (rule.lr_factor if rule else 1) if trains else None,
        weight_decay=rule.weight_decay if rule and trains else None,
        tied=info.aliases,
        dtype=dtype,
    )


def _dtype(info: "ParameterInfo", assignment: Assignment) -> str | None:
    """Return the type in which a frozen parameter is stored; None: the model's.

    Normalisation stays float32: its variances may exceed float16, and it takes little memory.
    """
    is_norm = info.statistic or info.role in _NORM_ROLES
    if is_norm or info.dtype != "float32" or assignment.by == UPSTREAM or not assignment.rule:
        return None
    return assignment.rule.dtype


# What the words of ``optimizer.no_decay`` mean, by roles, which depend on the kind of the cell.
_UNDECAYED_ROLES = {"norm": _NORM_ROLES, "bias": ("bias", "norm_shift")}


def _without_decay(
    no_decay: Collection[str], parameter: ParameterPlan, info: "ParameterInfo"
) -> ParameterPlan:
    """Return a parameter without weight decay if it is of those kinds and no rule decides."""
    matches_kind = any(info.role in _UNDECAYED_ROLES[word] for word in no_decay)
    if not matches_kind or parameter.state != "trainable" or parameter.weight_decay is not None:
        return parameter
    return replace(parameter, weight_decay=0.0)


# A resumed run compares its plan with that of its checkpoint, these texts included: changing them
# makes the runs of earlier versions differ.
def _tied_notes(tree: "ModuleTree") -> list[str]:
    infos = [p for p in tree.parameters if p.aliases]
    return [f"{p.name} is also {', '.join(p.aliases)}: one parameter, one state" for p in infos]


def _unmatched_notes(rules: Sequence[Rule], selections: Sequence[Selection]) -> list[str]:
    pairs = zip(rules, selections, strict=True)
    return [f"{rule.label} takes nothing in this net" for rule, s in pairs if not s.parameters]


def decays_by_default(name: str) -> bool:
    """Tell whether weight decay applies by MindSpore's rule, for want of any other."""
    return "beta" not in name and "gamma" not in name


def unknown_name(key: str, pattern: str, names: Sequence[str]) -> str:
    """Return the error for a pattern that matches nothing, with the nearest names."""
    deeper = sum(matches(f"*.{pattern}", name) for name in names)
    hint = f" ('*.{pattern}' would match {deeper} names)" if deeper else nearest(pattern, names)
    return f"{key}: expected a cell or parameter of the model, received {pattern!r}{hint}"

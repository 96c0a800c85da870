"""Plan rows: what a plan freezes and at which rates it trains, as labelled lines."""

import math
from collections.abc import Sequence

from trainer.core.text import clip, quantity
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan

Row = tuple[str, str]


def frozen_summary(plan: Plan) -> Row:
    """Return one line for all that is frozen."""
    frozen = plan.select("frozen")
    reasons = {parameter.by for parameter in frozen}
    if len(reasons) <= 1:
        return frozen_rows(plan)[0]
    values = f"{quantity(len(frozen), 'tensor')} ({quantity(_size(frozen), 'value')})"
    return "frozen", f"{values} by {len(reasons)} patterns, rules or cuts: train.log"


def rate_summary(lr: float, plan: Plan) -> list[Row]:
    """Return one line for the learning rates, where they are not the same for all."""
    if not rate_rows(lr, plan):
        return []
    rates = sorted({lr * (p.lr_factor or 1.0) for p in plan.select("trainable")})
    span = f"{rates[0]:.4g} to {rates[-1]:.4g}" if len(rates) > 1 else f"{rates[0]:.4g}"
    return [
        ("rates", f"{quantity(len(rate_rows(lr, plan)), 'parameter group')}, lr {span}: train.log")
    ]


def frozen_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return a row for each pattern that froze something, and for what else is frozen by it."""
    frozen = plan.select("frozen")
    if not frozen:
        return [("frozen", "nothing")]
    rows = []
    for by in dict.fromkeys(p.by for p in frozen):
        group = [p for p in frozen if p.by == by]
        rows.append(("frozen", f"{_label(by, group)}: {_names(group)}"))
    rows += [("", clip(note)) for note in plan.notes]
    if plan.cuts:
        rows.append(("", f"cut behind {_short(plan.cuts)}"))
    if plan.inference:
        rows.append(("", f"in inference mode: {_short(plan.inference)}"))
    return rows


def rate_rows(lr: float, plan: Plan) -> list[tuple[str, str]]:
    """Return a row for each learning rate and weight decay, where they are not the same for all."""
    alike: dict[tuple[float, float | None], list[ParameterPlan]] = {}
    for p in plan.select("trainable"):
        alike.setdefault((p.lr_factor or 1.0, p.weight_decay), []).append(p)
    if set(alike) <= {(1.0, None)}:
        return []
    rows = []
    for (factor, decay), group in alike.items():
        decay_text = "" if decay is None else f", weight decay {decay:g}"
        rows.append(("trainable", f"lr {lr * factor:.4g}{decay_text}: {_names(group)}"))
    return rows


def totals(plan: Plan) -> str:
    """Return the numbers of parameters: in all, trainable, frozen."""
    count = {state: _size(plan.select(state)) for state in ("trainable", "frozen", "buffer")}
    text = f"{count['trainable']:,} trainable, {count['frozen']:,} frozen"
    return text + (f", {count['buffer']:,} in buffers" if count["buffer"] else "")


def _label(by: str, group: Sequence[ParameterPlan]) -> str:
    if by in (UPSTREAM, STATISTICS):
        return by
    methods = ", ".join(sorted({_treatment(p) for p in group}))
    return f"{clip(by)} by {methods}" if by.startswith("rule ") else f"pattern {by!r} by {methods}"


def _treatment(parameter: ParameterPlan) -> str:
    return f"{parameter.method} in {parameter.dtype}" if parameter.dtype else parameter.method


def _names(group: Sequence[ParameterPlan]) -> str:
    return f"{_short([p.name for p in group])} ({quantity(_size(group), 'value')})"


def _short(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


def _size(group: Sequence[ParameterPlan]) -> int:
    return sum(math.prod(parameter.shape) for parameter in group)

"""Declared: a plan held against the settings that it was made from, as far as names alone tell.

Positions, kinds, roles, indices and what lies upstream of a cut show only in the net itself, for
which MindSpore would be needed.
"""

from collections.abc import Iterator, Sequence

from trainer.config import policy
from trainer.config.rules import Rule, matches
from trainer.config.schema import Settings
from trainer.core.text import shorten
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import STATISTICS, ParameterPlan, Plan


def problems(settings: Settings, plan: Plan) -> list[str]:
    """Return where a plan is not what the settings declare."""
    rules = _rules(settings)
    found = [text for p in plan.parameters for text in _wrong(p, rules, plan)]
    if plan.inference and not any(rule.holds or rule.quiet for rule in rules):
        found.append(f"no cell in inference mode, received {shorten(plan.inference)}")
    return found


def unchecked(settings: Settings, plan: Plan) -> list[str]:
    """Return what of a plan only the net could show."""
    rules = _rules(settings)
    open_ = [p.name for p in plan.parameters if _rule(p, rules) is None]
    upstream = [p.name for p in plan.select("frozen") if p.by == UPSTREAM]
    found = []
    if open_:
        found.append(f"whether a rule by position, kind, role or index takes {shorten(open_)}")
    if plan.cuts:
        found.append(
            f"what lies upstream of the cut behind {shorten(plan.cuts)}: "
            f"{len(upstream)} by the plan"
        )
    if plan.inference:
        found.append("which cells run in inference mode")
    return found


def _rules(settings: Settings) -> list[Rule]:
    chosen = settings.policy, settings.freeze, settings.method, settings.norm
    return policy.build_rules(*chosen, lambda method: False)[0]


def _wrong(p: ParameterPlan, rules: Sequence[Rule], plan: Plan) -> Iterator[str]:
    """Tell what is wrong with one parameter; a frozen one without a method is a statistic."""
    rule = _rule(p, rules)
    received = f"{p.name} {p.state}" + (f" by {p.by!r} ({p.method})" if p.by else "")
    known = {
        UPSTREAM,
        STATISTICS,
        *(r.label for r in rules),
        *(n for r in rules for n in r.patterns),
    }
    if p.by and p.by not in known:
        yield f"{p.name} taken by a rule that they have, received {received}"
    elif rule is None:
        return
    elif rule == _NONE:
        by = {UPSTREAM, STATISTICS} if plan.cuts else {STATISTICS}
        if p.state == "frozen" and p.by not in by:
            yield f"{p.name} not frozen, for no rule takes it, received {received}"
    elif rule.freezes and rule.norm != "affine-only":
        if p.state == "trainable" or p.method not in ("", rule.method):
            yield f"{p.name} frozen by {rule.method}, received {received}"
    elif not rule.freezes and p.state == "frozen" and p.method:
        yield f"{p.name} trainable, received {received}"


_NONE = Rule((), "", False, key="none")


def _rule(p: ParameterPlan, rules: Sequence[Rule]) -> Rule | None:
    """Return the first rule that takes a parameter, or ``_NONE``; None if names do not tell."""
    for rule in rules:
        taken = _taken(rule, (p.name, *p.tied))
        if taken is None:
            return None
        if taken:
            return rule
    return _NONE


def _taken(rule: Rule, names: Sequence[str]) -> bool | None:
    """Tell whether a rule takes a parameter of these names; None if names do not tell."""
    by_name = _any(rule.patterns, names) if rule.patterns else True
    excluded = _any(rule.excluded, names)
    if by_name is False or (excluded is True and len(names) == 1):
        return False
    certain = not (rule.positioned or rule.kinds or rule.roles or (rule.excluded and names[1:]))
    return True if by_name and excluded is False and certain else None


def _any(patterns: Sequence[str], names: Sequence[str]) -> bool | None:
    if any(matches(pattern, name) for pattern in patterns for name in names):
        return True
    indexed = any("[" in pattern and not pattern.startswith("re:") for pattern in patterns)
    return None if indexed else False

"""Plan check: a plan compared with the settings that it was made from, as far as names allow.

Positions, cell types, roles, indices and what is upstream of a cut depend on the model itself,
which would require MindSpore.
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
    texts = [text for p in plan.parameters for text in _problems_of(p, rules, plan)]
    if plan.inference and not any(rule.holds or rule.quiet for rule in rules):
        texts.append(f"no cell in inference mode, received {shorten(plan.inference)}")
    return texts


def unchecked(settings: Settings, plan: Plan) -> list[str]:
    """Return which parts of a plan can only be checked with the model."""
    rules = _rules(settings)
    undecided = [p.name for p in plan.parameters if _rule(p, rules) is None]
    upstream = [p.name for p in plan.select("frozen") if p.by == UPSTREAM]
    texts = []
    if undecided:
        names = shorten(undecided)
        texts.append(f"whether a rule by position, cell type, role or index matches {names}")
    if plan.cuts:
        count = f"{len(upstream)} parameters according to the plan"
        texts.append(f"what is upstream of the cut behind {shorten(plan.cuts)}: {count}")
    if plan.inference:
        texts.append("which cells run in inference mode")
    return texts


def _rules(settings: Settings) -> list[Rule]:
    parts = settings.policy, settings.freeze, settings.method, settings.norm
    return policy.build_rules(*parts, lambda method: False)[0]


def _problems_of(p: ParameterPlan, rules: Sequence[Rule], plan: Plan) -> Iterator[str]:
    """Yield the problems of one parameter; a frozen one without a method is a statistic."""
    rule = _rule(p, rules)
    received = f"{p.name} {p.state}" + (f" by {p.by!r} ({p.method})" if p.by else "")
    known = {
        UPSTREAM,
        STATISTICS,
        *(r.label for r in rules),
        *(n for r in rules for n in r.patterns),
    }
    if p.by and p.by not in known:
        yield f"{p.name} matched by a rule of the settings, received {received}"
    elif rule is None:
        return
    elif rule == _NONE:
        by = {UPSTREAM, STATISTICS} if plan.cuts else {STATISTICS}
        if p.state == "frozen" and p.by not in by:
            yield f"{p.name} not frozen, because no rule matches it, received {received}"
    elif rule.freezes and rule.norm != "affine-only":
        if p.state == "trainable" or p.method not in ("", rule.method):
            yield f"{p.name} frozen by {rule.method}, received {received}"
        elif p.dtype not in (None, rule.dtype):
            yield f"{p.name} in the model's own type, received {p.dtype}"
    elif not rule.freezes and p.state == "frozen" and p.method:
        yield f"{p.name} trainable, received {received}"


_NONE = Rule((), "", False, key="none")


def _rule(p: ParameterPlan, rules: Sequence[Rule]) -> Rule | None:
    """Return the first rule that matches a parameter, or ``_NONE``; None if names do not decide."""
    for rule in rules:
        is_match = _matches_rule(rule, (p.name, *p.tied))
        if is_match is None:
            return None
        if is_match:
            return rule
    return _NONE


def _matches_rule(rule: Rule, names: Sequence[str]) -> bool | None:
    """Tell whether a rule matches a parameter of these names; None if names do not decide."""
    by_name = _matches_any(rule.patterns, names) if rule.patterns else True
    excluded = _matches_any(rule.excluded, names)
    if by_name is False or (excluded is True and len(names) == 1):
        return False
    is_certain = not (rule.positioned or rule.kinds or rule.roles or (rule.excluded and names[1:]))
    return True if by_name and excluded is False and is_certain else None


def _matches_any(patterns: Sequence[str], names: Sequence[str]) -> bool | None:
    if any(matches(pattern, name) for pattern in patterns for name in names):
        return True
    is_indexed = any("[" in pattern and not pattern.startswith("re:") for pattern in patterns)
    return None if is_indexed else False

"""Python rules: rules as a library call passes them, checked like those of a configuration."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from trainer.config import freeze_methods, policy
from trainer.config.policy import Policy
from trainer.config.rules import Rule, problem
from trainer.config.schema import Settings
from trainer.config.validation_errors import describe
from trainer.core.errors import ConfigError

Rules = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
_NORMS = ("eval", "train")


def parse(rules: Rules, method: str, norm: str) -> list[Rule]:
    """Return rules in the order in which they are applied.

    Args:
        rules: one or several patterns, which make one rule; or one or several rules as mappings,
            among which a pattern stands for a rule that selects it.
        method: the method of rules that name none.
        norm: the mode of normalisation where a rule that freezes names none.

    Raises:
        ConfigError: all errors in them that do not depend on the model.
    """
    is_single = isinstance(rules, str | Mapping) or not isinstance(rules, Iterable)
    entries: list[Any] = [rules] if is_single else list(rules)
    patterns = [entry for entry in entries if isinstance(entry, str)]
    problems = _problems(entries, patterns, method, norm)
    if not problems:
        only_patterns = len(patterns) == len(entries)
        settings = Policy() if only_patterns else _policy(entries)
        freeze = patterns if only_patterns else ()
        parsed, problems = policy.build_rules(settings, freeze, method, norm, freeze_methods.cuts)
    if problems:
        raise ConfigError(problems)
    return parsed


def _problems(entries: Sequence[Any], patterns: Sequence[str], method: str, norm: str) -> list[str]:
    problems = [f"freeze: {text}" for pattern in patterns if (text := problem(pattern))]
    for key, value, known in (("method", method, freeze_methods.names()), ("norm", norm, _NORMS)):
        if value not in known:
            problems.append(f"{key}: expected one of {', '.join(known)}, received {value!r}")
    if not entries:
        problems.append("freeze: expected a pattern or rule, received none")
    return problems


def _policy(entries: Sequence[str | Mapping[str, Any]]) -> Policy:
    mappings = [{"select": each} if isinstance(each, str) else each for each in entries]
    try:
        return Policy.model_validate({"rules": mappings})
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            detail["loc"] = ("policy", *detail["loc"])
        raise ConfigError([describe(detail, Settings) for detail in details]) from None

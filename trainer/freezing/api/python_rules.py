"""Rulebook: rules as a library call gives them, checked like those of a configuration."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from trainer.config import freeze_methods, policy, schema
from trainer.config.policy import Policy
from trainer.config.rules import Rule, problem
from trainer.core.errors import ConfigError

Rules = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
_NORMS = ("eval", "train")


def parse(given: Rules, method: str, norm: str) -> list[Rule]:
    """Return rules in the order in which they are read.

    Args:
        given: a pattern or several, which make one rule; or rules as mappings, one or several,
            among which a pattern stands for a rule that selects it.
        method: the method of rules that name none.
        norm: the mode of normalisation where a rule that freezes names none.

    Raises:
        ConfigError: all that is wrong with them for any net.
    """
    one = isinstance(given, str | Mapping) or not isinstance(given, Iterable)
    listed: list[Any] = [given] if one else list(given)
    names = [each for each in listed if isinstance(each, str)]
    problems = _problems(listed, names, method, norm)
    if not problems:
        short = len(names) == len(listed)
        rules = Policy() if short else _policy(listed)
        found, problems = policy.build_rules(
            rules, names if short else (), method, norm, freeze_methods.cuts
        )
    if problems:
        raise ConfigError(problems)
    return found


def _problems(listed: Sequence[Any], names: Sequence[str], method: str, norm: str) -> list[str]:
    found = [f"freeze: {text}" for name in names if (text := problem(name))]
    for key, value, known in (("method", method, freeze_methods.names()), ("norm", norm, _NORMS)):
        if value not in known:
            found.append(f"{key}: expected one of {', '.join(known)}, received {value!r}")
    return found if listed else [*found, "freeze: expected a pattern or rule, received none"]


def _policy(listed: Sequence[str | Mapping[str, Any]]) -> Policy:
    mappings = [{"select": each} if isinstance(each, str) else each for each in listed]
    try:
        return Policy.model_validate({"rules": mappings})
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            detail["loc"] = ("policy", *detail["loc"])
        raise ConfigError([schema.problem(detail) for detail in details]) from None

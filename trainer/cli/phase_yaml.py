"""Phase YAML: the phases of a run as a file to edit, which ``phases.file`` reads again."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config.phases import PhaseSetting

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # of YAML
_HEADER = """\
# Phases of a run, in order, for phases.file=THIS_FILE; docs/phases.md explains all keys.
# until: {epochs: 2}, {share: 0.2}, {steps: 500}
#   or {monitor: accuracy, patience: 2, min_delta: 0, max_epochs: 10}; the last phase needs none.
# Also: start_from (last, best), lr_factor, warmup_epochs, optimizer_state (keep, new, reset),
# policy (a name of conf/policy) in place of rules, freeze, method, norm.
list:
"""


def phase_yaml(phases: Sequence[PhaseSetting], notes: Sequence[str]) -> str:
    """Return the text of the file.

    Args:
        phases: in order.
        notes: of each phase, what trains in it; written as a comment.
    """
    pairs = zip(phases, notes, strict=True)
    return _HEADER + "".join(_phase(phase, note) for phase, note in pairs)


def _phase(phase: PhaseSetting, note: str) -> str:
    data = phase.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    name, rules = data.pop("name"), data.pop("rules", None)
    policy = data.pop("policy", None)
    lines = [f"  - name: {_flow(name)}  # {note}"]
    lines += [f"    {key}: {_flow(value)}" for key, value in data.items()]
    if policy is not None:
        lines += ["    policy:", *_policy(policy)]
    return "\n".join([*lines, *_rules(rules, "    ")]) + "\n"


def _policy(policy: Mapping[str, Any]) -> list[str]:
    """Return a policy with its rules, so that the file does not depend on ``conf/policy``."""
    keys = [f"      {key}: {_flow(value)}" for key, value in policy.items() if key != "rules"]
    return [*keys, *_rules(policy.get("rules", []), "      ")]


def _rules(rules: Sequence[Mapping[str, Any]] | None, indent: str) -> list[str]:
    if rules is None:
        return []
    if not rules:
        return [f"{indent}rules: []"]
    return [f"{indent}rules:", *(f"{indent}  - {_flow(rule)}" for rule in rules)]


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return str(value) if is_plain else json.dumps(value)

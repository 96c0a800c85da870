"""Changed phases: in what the phases of two settings differ, phase by phase."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_LIST = "list"


def changed_phases(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences of two ``phases``, each as ``key: old -> new``."""
    old, new = _by_name(before), _by_name(now)
    keys = [key for key in {**before, **now} if key not in (_LIST, "file")]
    texts = list(_values("phases", {k: before.get(k) for k in keys}, {k: now.get(k) for k in keys}))
    if list(old) != list(new):
        texts.append(f"phases.list: {_names(old)} -> {_names(new)}")
    for name in (name for name in old if name in new):
        texts += _values(f"phases.list ({name})", *_comparable(old[name], new[name]))
    return texts


def _by_name(phases: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(phase["name"]): phase for phase in phases.get(_LIST) or ()}


def _names(phases: Mapping[str, Any]) -> str:
    return ", ".join(phases) or "none"


def _comparable(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return two phases; without the rules of their policies if these have other names."""
    policies = [phase.get("policy") or {"name": None} for phase in (old, new)]
    names = [policy.get("name") for policy in policies]
    if names[0] == names[1]:
        return old, new
    first, second = ({**p, "policy": name} for p, name in zip((old, new), names, strict=True))
    return first, second


def _values(key: str, old: Any, new: Any) -> Iterator[str]:
    """Yield the values that differ, each under its own key."""
    if old == new:
        return
    if not (_is_nested(old) or _is_nested(new)):
        yield f"{key}: {old} -> {new}"
        return
    before, now = _items(old), _items(new)
    for name in {**before, **now}:
        yield from _values(f"{key}{name}", before.get(name), now.get(name))


def _is_nested(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return isinstance(value, Mapping) or (is_list and any(isinstance(i, Mapping) for i in value))


def _items(value: Any) -> dict[str, Any]:
    """Return what a mapping or a list of mappings holds, by the end of its key."""
    if isinstance(value, Mapping):
        return {f".{name}": item for name, item in value.items()}
    return {f"[{at}]": item for at, item in enumerate(value or ())}

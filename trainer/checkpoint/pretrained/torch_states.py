"""States: the sets of weights in one PyTorch checkpoint, and the one that is read. Pure Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.core.errors import ConfigError, nearest

# The keys under which training scripts store the weights, the most likely first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
_DEPTH = 4  # of nested keys


def select(content: Any, path: Path, key: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return the tensors of one state by name, and notes on which it is and which others exist.

    Args:
        content: all that the file holds.
        path: the file, for messages.
        key: the state's key, dotted if it is nested; None: the one that was trained.

    Raises:
        ConfigError: there is no state of that key, or none at all, or several and none by a usual
            name; the message lists those that exist.
    """
    names = list(_states(content))
    if key is None:
        parts, state = _unwrapped(content)
        if not tensors(state) and len(names) == 1:
            parts, state = [names[0]], _value(content, names[0])
    else:
        inner, state = _unwrapped(_value(content, key))
        parts = [key, *inner]
    if not tensors(state):
        raise ConfigError([_problem(path, key, names, state)])
    others = [name for name in names if name != ".".join(parts)]
    notes = [f"under its key {part!r}" for part in parts]
    if others and key is None:
        notes.append(f"the file also holds {_quoted(others)}, which init_key= selects")
    return tensors(state), notes


def tensors(content: Any) -> dict[str, Any]:
    """Return the tensors that a mapping holds directly, by name."""
    pairs = content.items() if isinstance(content, Mapping) else ()
    return {name: value for name, value in pairs if isinstance(name, str) and _is_tensor(value)}


def _states(content: Any, prefix: str = "", depth: int = _DEPTH) -> dict[str, Mapping[str, Any]]:
    """Return the mappings that consist mostly of tensors, by dotted key."""
    states: dict[str, Mapping[str, Any]] = {}
    for key, value in content.items() if isinstance(content, Mapping) else ():
        if not isinstance(key, str) or not isinstance(value, Mapping):
            continue
        if 2 * len(tensors(value)) > len(value):
            states[prefix + key] = value
        elif depth > 1:
            states |= _states(value, f"{prefix}{key}.", depth - 1)
    return states


def _unwrapped(content: Any) -> tuple[list[str], Any]:
    """Return the usual keys that lead to the weights, and what they lead to."""
    keys: list[str] = []
    while key := next((k for k in _WRAPPERS if _holds(content, k)), None):
        keys.append(key)
        content = content[key]
    return keys, content


def _value(content: Any, key: str) -> Any:
    """Return what a dotted key leads to; None if there is no such key."""
    for name, value in content.items() if isinstance(content, Mapping) else ():
        if name == key:
            return value
        if isinstance(name, str) and key.startswith(f"{name}."):
            found = _value(value, key.removeprefix(f"{name}."))
            if found is not None:
                return found
    return None


def _problem(path: Path, key: str | None, names: list[str], state: Any) -> str:
    if names:
        received = f"{key!r}{nearest(key, names)}" if key else "none"
        place = f"one of the states in {path}: {_quoted(names)}"
        return f"init_key: expected {place}; received {received}"
    if key:
        return f"init_key: expected null, because {path} holds no states by key; received {key!r}"
    if not isinstance(state, Mapping):
        return f"init_from: {path}: expected tensors by name, received a {type(state).__name__}"
    keys = ", ".join(map(repr, state)) or "nothing"
    return f"init_from: {path}: expected tensors by name, found {keys}"


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "dtype")


def _holds(content: Any, key: str) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get(key), Mapping)


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names))

"""Unknown target: which part of a ``_target_`` does not exist, and what is like it."""

import sys
from contextlib import suppress
from importlib.util import find_spec

from trainer.core.errors import nearest


def unknown_target(target: str) -> str:
    """Return the problem of a dotted name whose module was imported; empty: it is another one."""
    parts = target.split(".")
    imported = [n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in sys.modules]
    if not imported:
        return ""
    place = ".".join(parts[: imported[-1]])
    value: object = sys.modules[place]
    for name in parts[imported[-1] :]:
        if not hasattr(value, name):
            if _is_module(f"{place}.{name}"):
                return ""  # it is there, but its own code cannot be imported
            known = [other for other in dir(value) if not other.startswith("_")]
            return f"expected a name in {place}, received {name!r}{nearest(name, known)}"
        place, value = f"{place}.{name}", getattr(value, name)
    return "" if callable(value) else f"expected a class or function, received {_described(value)}"


def _is_module(name: str) -> bool:
    with suppress(ImportError, ValueError, AttributeError):
        return find_spec(name) is not None
    return False


def _described(value: object) -> str:
    return f"a value of type {type(value).__name__}"

"""Freeze methods: which there are and what each does to the graph, without importing MindSpore."""

from typing import Any

from trainer.config import config_folders
from trainer.core.errors import ConfigError

GROUP = "freeze_method"


def names() -> list[str]:
    """Return the names of all methods: the YAML files of ``freeze_method``."""
    return config_folders.options(GROUP)


def cuts(name: str) -> bool:
    """Return whether a method stops the gradient, so that all upstream is frozen as well."""
    return bool(_value(name, "cuts"))


def target(name: str) -> str:
    """Return the dotted name of a method's function; see ``trainer.freezing.methods``."""
    return str(_value(name, "_target_"))


def _value(name: str, key: str) -> Any:
    method = config_folders.read(GROUP, name)
    if key not in method:
        received = ", ".join(method) or "nothing"
        raise ConfigError([f"{GROUP}/{name}.yaml: expected {key}, received {received}"])
    return method[key]

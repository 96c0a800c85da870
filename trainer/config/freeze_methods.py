"""Freeze methods: which there are and what each does to the graph, without importing MindSpore."""

from trainer.config import config_folders

GROUP = "freeze_method"


def names() -> list[str]:
    """Return the names of all methods: the YAML files of ``freeze_method``."""
    return config_folders.options(GROUP)


def cuts(name: str) -> bool:
    """Tell whether a method stops the gradient, so that all upstream is frozen as well."""
    return bool(config_folders.read(GROUP, name)["cuts"])


def target(name: str) -> str:
    """Return the dotted name of a method's function; see ``trainer.freezing.methods``."""
    return str(config_folders.read(GROUP, name)["_target_"])

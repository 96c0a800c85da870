"""Override problems: what is wrong with a parsed override, key by key and group by group.

All functions need Hydra to be initialised, as within ``trainer.config.overrides.composing``.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from trainer.config import config_folders, key_hints
from trainer.core.errors import nearest


def source_line(override: Override) -> str:
    """Return an override as it was given."""
    return override.input_line or ""


def is_hydra(override: Override) -> bool:
    """Return whether an override sets something in Hydra's own part."""
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def is_plugin(override: Override) -> bool:
    """Return whether an override chooses what runs a sweep."""
    return override.key_or_group in ("hydra/launcher", "hydra/sweeper")


def group_options(override: Override) -> list[str]:
    """Return the names that a group offers; none if the override's key is no group.

    Of launchers and sweepers, only the trainer's and the user's count.
    """
    group = override.key_or_group
    if is_hydra(override) and not is_plugin(override):
        return []
    names = GlobalHydra.instance().config_loader().get_group_options(group)
    known = config_folders.options(group) if is_plugin(override) else names
    return [name for name in names if name in known]


def sweep_problem(override: Override) -> str:
    """Return the problem of several values where one run wants one."""
    key = override.key_or_group
    values = source_line(override).partition("=")[2]
    return (
        f"override {source_line(override)!r}: expected one value, received several; write "
        f"'{key}=[{values}]' for a list, or add -m for a run of each"
    )


def group_problem(override: Override) -> str | None:
    """Return the problem of a choice that its group does not offer; None if it does."""
    value, options = override.value(), group_options(override)
    if value is None and not override.is_delete():
        key = override.key_or_group
        return (
            f"{key}: expected one of {', '.join(options)}, received null; to leave it out: ~{key}"
        )
    names = value if isinstance(value, list) else [value]
    unknown = [str(name) for name in names if name is not None and str(name) not in options]
    if not unknown:
        return None
    key = override.key_or_group
    return f"{key}: no {key} named {', '.join(unknown)}{nearest(unknown[0], options)}"


def key_problem(override: Override, base: DictConfig) -> str | None:
    """Return the problem of a key that is not in the configuration, unless it is being added."""
    if override.is_add() or override.is_force_add():
        return None
    node: Any = base
    parts = override.key_or_group.split(".")
    for depth, part in enumerate(parts):
        known = [str(key) for key in node.keys()] if isinstance(node, DictConfig) else []  # noqa: SIM118
        if part not in known:
            return _unknown_key(override, base, depth, known)
        plain_value = OmegaConf.is_missing(node, part) or OmegaConf.is_interpolation(node, part)
        node = None if plain_value else node[part]
    return None


def _unknown_key(override: Override, base: DictConfig, depth: int, known: Sequence[str]) -> str:
    """Return the problem of an unknown key, whose first ``depth`` parts are known."""
    key = override.key_or_group
    if full := key_hints.full_keys(key, base):
        return f"{key}: unknown key; did you mean {' or '.join(full)}?"
    parts = key.split(".")
    above = ".".join(parts[:depth])
    argument = f"+{key}={source_line(override).partition('=')[2]}"
    add = f"; to add an argument of {above}, write {argument}" if above else ""
    return f"{key}: unknown key{nearest(parts[depth], known)}{add}"


def apply_problem(override: Override, config: DictConfig, allowed: Sequence[str]) -> str | None:
    """Return the problem of applying an override to the configuration of a run.

    Args:
        override: what is to be applied.
        config: the run's configuration.
        allowed: keys and groups that may be overridden.
    """
    key = override.key_or_group
    if key.split(".")[0] not in allowed:
        return f"{key}: expected one of {', '.join(allowed)}, because the rest is the run's"
    if override.is_sweep_override():
        return sweep_problem(override)
    return group_problem(override) if group_options(override) else key_problem(override, config)

"""Phase policy: what is frozen in a phase, by the name of a policy in ``conf/policy``."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer.config import config_folders, overrides
from trainer.config.policy import Policy
from trainer.core.errors import nearest

GROUP = "policy"


class PhasePolicy(Policy):
    """The rules of a policy, with the name that they were read by; empty: they have none."""

    name: str = ""


def expand(value: Any, recorded: bool = False) -> Any:
    """Return a policy's rules in place of its name; a mapping with rules is returned unchanged.

    Args:
        value: the name of a policy, or a mapping of ``name`` and of keys of that policy.
        recorded: whether a run has recorded it: the policy's file may be gone since.

    Raises:
        ValueError: there is no such policy, or it has no such key.
    """
    request = {"name": value} if isinstance(value, str) else value
    if not isinstance(request, Mapping) or "name" not in request or "rules" in request:
        return value
    keys = {str(key): item for key, item in request.items() if key != "name"}
    name, options = str(request["name"]), config_folders.options(GROUP)
    if name in options:
        return {"name": name, **_composed(name, keys)}
    if recorded:
        return {"name": name, "rules": []}
    raise ValueError(f"expected a name in conf/{GROUP}, received {name!r}{nearest(name, options)}")


def _composed(name: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a policy's file holds, with other values for some of its keys."""
    try:
        config = _compose(name) if config_folders.user_folder() else deepcopy(_compose_once(name))
        known = [str(key) for key in config[GROUP]]
        if unknown := [key for key in keys if key not in known]:
            raise ValueError(f"unknown key {unknown[0]}{nearest(unknown[0], known)}")
        config[GROUP].update(keys)
        container = OmegaConf.to_container(config[GROUP], resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ValueError(f"{GROUP}/{name}.yaml: {' '.join(str(error).split())}") from None
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _compose(name: str) -> DictConfig:
    with overrides.composing():
        config = compose(f"{GROUP}/{name}")
        OmegaConf.set_struct(config, False)
        return config


_compose_once = lru_cache(maxsize=32)(_compose)

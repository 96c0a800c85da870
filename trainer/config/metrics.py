"""Metrics: which there are, without importing MindSpore: the YAML files of ``metric``."""

from typing import Any, Literal, TypeAlias

from trainer.config import config_folders
from trainer.core.errors import ConfigError

GROUP = "metric"
Mode: TypeAlias = Literal["min", "max"]
_MODE = "mode"  # a key of the trainer's, not of the metric's function


def names() -> list[str]:
    """Return the names of all metrics."""
    return config_folders.options(GROUP)


def spec(name: str) -> dict[str, Any]:
    """Return the mapping that Hydra's ``instantiate`` takes for a metric."""
    return {key: value for key, value in _read(name).items() if key != _MODE}


def mode(name: str) -> Mode:
    """Return whether the lowest or the highest value of a metric is the best.

    Raises:
        ConfigError: its file says something else.
    """
    value = _read(name).get(_MODE, "max")
    if value not in ("min", "max"):
        raise ConfigError([f"{GROUP}/{name}.yaml: mode: expected min or max, received {value!r}"])
    return "min" if value == "min" else "max"


def _read(name: str) -> dict[str, Any]:
    return config_folders.read(GROUP, name)

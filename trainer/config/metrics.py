"""Metrics: which there are, without importing MindSpore: the YAML files of ``metric``."""

from typing import Any

from trainer.config import config_folders

GROUP = "metric"


def names() -> list[str]:
    """Return the names of all metrics."""
    return config_folders.options(GROUP)


def spec(name: str) -> dict[str, Any]:
    """Return the mapping that Hydra's ``instantiate`` takes for a metric."""
    return config_folders.read(GROUP, name)

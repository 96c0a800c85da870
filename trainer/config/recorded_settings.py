"""Recorded settings: the configuration that a run has recorded, read back."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError


def settings_of(path: Path) -> Settings:
    """Read the settings that a run has recorded.

    Raises:
        OSError, ValueError, YAMLError, OmegaConfBaseException, ConfigError: they do not exist, or
            no run has recorded them.
    """
    config: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    if not isinstance(config, dict):
        raise ValueError("it is not a configuration")
    settings, problems = schema.read(
        {str(key): value for key, value in config.items()}, recorded=True
    )
    if problems:
        raise ConfigError(problems)
    return settings

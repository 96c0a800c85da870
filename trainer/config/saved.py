"""The configuration that a run has recorded, read back."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError


def settings_of(path: Path) -> Settings:
    """Read the settings that a run has recorded.

    Raises:
        OSError, ValueError, YAMLError, OmegaConfBaseException, ConfigError: they are not there,
            or not such as a run records.
    """
    config: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    if not isinstance(config, dict):
        raise ValueError("it is not a configuration")
    chosen, problems = schema.read(
        {str(key): value for key, value in config.items()}, recorded=True
    )
    if problems:
        raise ConfigError(problems)
    return chosen

"""Recorded groups: a run that resumes keeps the class that its group's name stood for then."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer.checkpoint.override_lines import parse_lines
from trainer.config.overrides import quoted
from trainer.core import atomic_files
from trainer.core.run_files import CONFIG

# What a name in a group stood for in an earlier version: by group, the targets and their names.
_EARLIER = {"loss": {"mindspore.nn.CrossEntropyLoss": "cross_entropy"}}


def with_recorded_groups(folder: Path, overrides: Sequence[str]) -> list[str]:
    """Return overrides with those that keep a run's groups as it has recorded them, which win."""
    values = {key.lstrip("+~"): value for _, key, value in parse_lines(overrides)}
    recorded = recorded_group_lines(folder, values)
    groups = {line.partition("=")[0] for line in recorded}
    return [*recorded, *(text for text, key, _ in parse_lines(overrides) if key not in groups)]


def recorded_group_lines(folder: Path, values: Mapping[str, Any]) -> list[str]:
    """Return the overrides that give a run's groups what it has recorded of them.

    There are none for groups whose names stand for the same class as before, and for those of which
    another choice or class is requested.

    Args:
        folder: of the run.
        values: the overrides by key, without ``+`` and ``~``.
    """
    with suppress(OSError, YAMLError, OmegaConfBaseException, ValueError, TypeError):
        config = OmegaConf.to_container(OmegaConf.load(folder / CONFIG), resolve=True)
        return [line for group in _EARLIER for line in _lines(group, dict(config)[group], values)]  # type: ignore[arg-type]
    return []


def _lines(group: str, recorded: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    name = _EARLIER[group].get(recorded["_target_"])
    if name is None or values.get(group, name) != name or f"{group}._target_" in values:
        return
    yield f"{group}=custom"
    for key, value in recorded.items():
        if f"{group}.{key}" not in values:
            yield f"++{group}.{key}={_text(value)}"


def _text(value: Any) -> str:
    """Return a value of the configuration as one of an override."""
    return quoted(value) if isinstance(value, str) else atomic_files.dumps(value)

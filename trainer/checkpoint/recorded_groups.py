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
from trainer.core.run_files import CONFIG, HYDRA_CONFIG

# What a name in a group stood for in an earlier version: by group, the targets and their names.
_EARLIER = {
    "loss": {"mindspore.nn.CrossEntropyLoss": "cross_entropy"},
    "optimizer": {"mindspore.nn.Adam": "adam", "mindspore.nn.AdamWeightDecay": "adamw"},
}


def with_recorded_groups(folder: Path, overrides: Sequence[str]) -> list[str]:
    """Return overrides with those that keep a run's groups as it has recorded them.

    Other overrides of such a group come after them and win.
    """
    values = {key.lstrip("+~"): value for _, key, value in parse_lines(overrides)}
    recorded = recorded_group_lines(folder, values)
    groups = {line.partition("=")[0] for line in recorded}
    others = [
        f"++{text.lstrip('+')}" if key.partition(".")[0] in groups and text[0] != "~" else text
        for text, key, _ in parse_lines(overrides)
        if key not in groups
    ]
    return [*recorded, *others]


def recorded_group_lines(folder: Path, values: Mapping[str, Any]) -> list[str]:
    """Return the overrides that give a run's groups what it has recorded of them.

    There are none for groups whose names stand for the same class as before, and for those of which
    another choice or class is requested.

    Args:
        folder: of the run.
        values: the overrides by key, without ``+`` and ``~``.
    """
    config, hydra = _read(folder / CONFIG), _read(folder / HYDRA_CONFIG)
    choices = OmegaConf.select(hydra, "hydra.runtime.choices") or {}
    return [
        line
        for group in _EARLIER
        if "_target_" in (config.get(group) or {})
        for line in _lines(group, config[group], values, choices.get(group))
    ]


def _read(path: Path) -> Any:
    with suppress(OSError, YAMLError, OmegaConfBaseException, ValueError, TypeError):
        return OmegaConf.load(path)
    return OmegaConf.create({})


def _lines(
    group: str, recorded: Mapping[str, Any], values: Mapping[str, Any], choice: str | None
) -> Iterator[str]:
    """Yield the overrides of one group, of which a run has recorded keys and choice."""
    name = _EARLIER[group].get(recorded["_target_"])
    if name is None or values.get(group, name) != name or f"{group}._target_" in values:
        return
    if choice not in (None, name, "custom"):  # it has chosen that class by today's name
        return
    yield f"{group}=custom"
    for key, value in recorded.items():
        yield f"++{group}.{key}={_text(value)}"


def _text(value: Any) -> str:
    """Return a value of the configuration as one of an override."""
    plain = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    return quoted(plain) if isinstance(plain, str) else atomic_files.dumps(plain)

"""Preparation: what comes before and after the model, as an exported file's metadata record it.

A file is not trusted: only transforms that the group ``transform`` offers are built from it.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from omegaconf import MISSING
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.config import config_folders
from trainer.config.validation_errors import describe
from trainer.core.errors import ConfigError

KEY = "preparation"  # of the metadata
GROUP = "transform"
FORMAT = 1
_TARGET = "_target_"
Task: TypeAlias = Literal["classes", "labels", "numbers"]


class Preparation(BaseModel):
    """How inputs are prepared for a model, and what its outputs are.

    Attributes:
        format: version of this record.
        transform: resolved settings of ``transform``; None: inputs are used as the dataset gives
            them.
        task: ``classes``: a score for each class, of which one is right; ``labels``: one for each
            label, of which any number may be right; ``numbers``: anything else.
        shape: of one prepared input, with a batch of 1.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)
    format: Literal[1] = 1
    transform: dict[str, Any] | None
    task: Task
    shape: list[int] = Field(min_length=1)

    def to_json(self) -> str:
        """Return the text for a file's metadata."""
        return self.model_dump_json()


def from_metadata(metadata: Mapping[str, str], source: str) -> Preparation:
    """Return the preparation that a file's metadata record.

    Args:
        metadata: text by key.
        source: the file, for messages.

    Raises:
        ConfigError: there is none, it is damaged or of a newer trainer, or its transform is none
            that the group ``transform`` offers.
    """
    text = metadata.get(KEY)
    if text is None:
        expected = f"expected the metadata {KEY}, as trainer.export writes it, received none"
        raise ConfigError([f"{source}: {expected}"])
    try:
        record = dict(json.loads(text))
        _check_format(record, source)
        preparation = Preparation.model_validate(record)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [f"{source}: {KEY}.{describe(detail, Preparation)}" for detail in details]
        raise ConfigError(problems) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError([f"{source}: {KEY}: expected a JSON object ({error})"]) from None
    if problem := transform_problem(preparation.transform):
        raise ConfigError([f"{source}: {KEY}.transform: {problem}"])
    return preparation


def _check_format(record: Mapping[str, Any], source: str) -> None:
    version = record.get("format")
    if isinstance(version, int) and version > FORMAT:
        expected = f"expected format {FORMAT}, received {version}, which a newer trainer reads"
        raise ConfigError([f"{source}: {KEY}: {expected}"])


def transform_problem(settings: Mapping[str, Any] | None) -> str:
    """Return why a file may not name a transform; empty: it may.

    Args:
        settings: of the transform; None: there is none.
    """
    if settings is None:
        return ""
    target, offered = settings.get(_TARGET), _offered_targets()
    if target not in offered:
        expected = f"expected one that {GROUP}= offers, {', '.join(sorted(offered))}"
        return f"{_TARGET}: {expected}, received {target!r}"
    for name, value in settings.items():
        if name != _TARGET and (name.startswith("_") or not _is_plain(value)):
            return f"{name}: expected a plain value, received {value!r}"
    return ""


def _offered_targets() -> set[str]:
    """Return the targets of the options in ``conf/transform`` and the user's folder."""
    options = (config_folders.read(GROUP, name) for name in config_folders.options(GROUP))
    targets = {str(option[_TARGET]) for option in options if _TARGET in option}
    return targets - {MISSING}


def _is_plain(value: Any) -> bool:
    """Tell whether building the value runs nothing: no target, no interpolation."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    is_text = isinstance(value, str) and "${" not in value
    return value is None or is_text or isinstance(value, int | float)

"""Plugin options: the arguments of a launcher or sweeper, checked like settings. Pure Python."""

from collections.abc import Mapping
from typing import TypeVar

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.config.validation_errors import describe
from trainer.core.errors import nearest


class Options(BaseModel):
    """Arguments by name; a subclass has a field with a range for each."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_O = TypeVar("_O", bound=Options)


def plain(config: DictConfig) -> dict[str, object]:
    """Return the arguments for the target of a part of Hydra's configuration."""
    arguments = OmegaConf.to_container(config, resolve=True)
    assert isinstance(arguments, dict)
    return {str(key): value for key, value in arguments.items() if key != "_target_"}


def parsed(kind: type[_O], arguments: Mapping[str, object], key: str) -> tuple[_O, list[str]]:
    """Return the options, with defaults in the place of wrong values, and the problems.

    Args:
        kind: the class of the options; each field has a default.
        arguments: by name.
        key: their place in an override: ``hydra.launcher``.
    """
    try:
        return kind.model_validate(arguments), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    wrong = {str(detail["loc"][0]) for detail in details}
    valid = {name: value for name, value in arguments.items() if name not in wrong}
    problems = []
    for detail in details:
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            problems.append(f"{key}.{name}: unknown key{nearest(name, kind.model_fields)}")
        else:
            problems.append(f"{key}.{describe(detail, kind)}")
    return kind.model_validate(valid), problems

"""Options: the arguments of a launcher or sweeper, checked like settings. Pure Python."""

from collections.abc import Mapping
from typing import TypeVar

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.config.validation_errors import describe
from trainer.core.errors import nearest


class Options(BaseModel):
    """Arguments by name; a subclass has a field for each, with its range."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_O = TypeVar("_O", bound=Options)


def plain(config: DictConfig) -> dict[str, object]:
    """Return the arguments that a part of Hydra's configuration gives to its target."""
    given = OmegaConf.to_container(config, resolve=True)
    assert isinstance(given, dict)
    return {str(key): value for key, value in given.items() if key != "_target_"}


def parsed(kind: type[_O], given: Mapping[str, object], key: str) -> tuple[_O, list[str]]:
    """Return the options, and what is wrong with them, the default in its place.

    Args:
        kind: what they are read as; each field has a default.
        given: the arguments.
        key: where they stand, as an override names it: ``hydra.launcher``.
    """
    try:
        return kind.model_validate(given), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    wrong = {str(detail["loc"][0]) for detail in details}
    sound = {name: value for name, value in given.items() if name not in wrong}
    found = []
    for detail in details:
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            found.append(f"{key}.{name}: unknown key{nearest(name, kind.model_fields)}")
        else:
            found.append(f"{key}.{describe(detail, kind)}")
    return kind.model_validate(sound), found

"""Instantiate: builds what ``_target_`` names; a user's error in it is a ConfigError."""

import inspect
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from trainer.config.unknown_target import unknown_target
from trainer.core.errors import ArgumentErrors, ConfigError

# Raised for a wrong argument, a missing file or a wrong name. Anything else is a bug of the target
# and keeps its traceback.
_USER_ERRORS = (ValueError, TypeError, OSError, ImportError)
_GROUPS = ("model", "dataset", "loss", "optimizer")  # their shipped choices have arguments
LOOKED_FOR = "modules are looked for in the current folder"
_MISSING = re.compile(r"No module named '[^']*'")


def instantiate_target(key: str, spec: Mapping[str, Any], *arguments: Any) -> Any:
    """Return what ``spec`` describes.

    Args:
        key: the configuration's key, for messages.
        spec: ``_target_`` and its keyword arguments.
        arguments: positional arguments.

    Raises:
        ConfigError: the target does not exist, or refused its arguments.
    """
    try:
        return instantiate(dict(spec), *arguments, _convert_="all")
    except InstantiationException as error:
        cause, target = error.__cause__, str(spec["_target_"])
        may_be_unknown = cause is None or isinstance(cause, ImportError)
        if may_be_unknown and (problem := unknown_target(target)):
            raise ConfigError([f"{key}: {target}: {problem}"]) from None
        if cause is None:
            raise ConfigError([f"{key}: {_first_line(error)}"]) from None
        if isinstance(cause, ArgumentErrors):
            raise ConfigError([f"{key}: {target}: {text}" for text in cause.problems]) from None
        if isinstance(cause, _USER_ERRORS):
            text = f"{key}: {target}: {_text(cause)}{_leaked(key, target, cause)}"
            raise ConfigError([text]) from None
        raise cause from None


def _text(cause: BaseException) -> str:
    frame = traceback.extract_tb(cause.__traceback__)[-1]
    if isinstance(cause, TypeError) and not _is_caller(Path(frame.filename)):
        return (
            f"{_first_line(cause)} ({frame.filename}:{frame.lineno})"  # its text does not say where
        )
    if isinstance(cause, ImportError) and (missing := _MISSING.search(str(cause))):
        return f"{missing[0]}; {LOOKED_FOR} ({Path.cwd()}), in PYTHONPATH and among the packages"
    return str(cause).partition("\n\n---")[0].strip()  # followed by MindSpore's C++ stack


def _leaked(key: str, target: str, cause: BaseException) -> str:
    """Return what to do about an argument that the group's shipped choice has added."""
    is_own = not target.startswith(("trainer.", "mindspore."))
    if is_own and key in _GROUPS and "unexpected keyword argument" in str(cause):
        return f"; if you have not given it, it is one of the shipped {key}'s: use {key}=custom"
    return ""


def _is_caller(file: Path) -> bool:
    """Return whether a file belongs to the call of the target rather than to the target."""
    return "hydra" in file.parts or file == Path(inspect.__file__)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]

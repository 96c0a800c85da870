"""Phase file: the list of phases in a YAML file that ``phases.file`` names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from trainer.core.errors import nearest

_KEY = "list"


def with_file(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """Return a configuration with the list of ``phases.file`` in its place, and the problems.

    Args:
        config: a whole configuration; returned unchanged if it names no file.
    """
    phases = config.get("phases")
    if not isinstance(phases, Mapping) or not isinstance(phases.get("file"), str):
        return config, []
    rest = {key: value for key, value in phases.items() if key != "file"}
    try:
        if rest.get(_KEY) or rest.get("_target_"):
            expected = "expected a list, a file or a generator (_target_)"
            raise ValueError(f"{expected}, received several; with a file: phases=none")
        return {**config, "phases": {**rest, _KEY: read(Path(phases["file"]).expanduser())}}, []
    except ValueError as error:
        return {**config, "phases": rest}, [f"phases.file: {error}"]


def read(path: Path) -> list[Any]:
    """Return the phases in a YAML file, not yet validated.

    Raises:
        ValueError: it cannot be read, or it holds no list of phases.
    """
    content = _content(path)
    if not isinstance(content, dict) or _KEY not in content:
        raise ValueError(f"{path}: expected `{_KEY}:` with a phase per item, received none")
    if unknown := [str(key) for key in content if key != _KEY]:
        raise ValueError(f"{path}: unknown key {unknown[0]}{nearest(unknown[0], [_KEY])}")
    phases = content[_KEY]
    if not isinstance(phases, list) or not phases:
        raise ValueError(f"{path}: {_KEY}: expected at least one phase, received {phases!r}")
    return phases


def _content(path: Path) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{path}{line}: expected YAML ({error.problem})") from None
    except OmegaConfBaseException as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ValueError(f"expected a YAML file of phases, received {path} ({why})") from None

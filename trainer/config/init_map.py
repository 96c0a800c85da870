"""Init map: new names for the tensors in a file of weights. Pure Python."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from trainer.core.errors import ConfigError, nearest

Renames = Mapping[str, str | None]
_REGEX = "re:"


def read(value: Any) -> dict[str, str | None]:
    """Return the renames that ``init_map`` gives: a mapping, a YAML file that holds one, or null.

    Raises:
        ValueError: it is none of these, or a regular expression is malformed.
    """
    renames = _loaded(Path(value).expanduser()) if isinstance(value, str) else value
    if renames is None:
        return {}
    if not isinstance(renames, Mapping):
        raise ValueError(f"expected names by name, or a YAML file of them, received {renames!r}")
    for old, new in renames.items():
        if not isinstance(old, str) or not old or not isinstance(new, str | None):
            raise ValueError(f"expected texts (or null to leave out), received {old!r}: {new!r}")
        try:
            _pattern(old)
        except re.error as error:
            raise ValueError(f"expected a regular expression, received {old!r} ({error})") from None
    return dict(renames)


def checked(value: Any) -> Any:
    """Return the value of ``init_map``; a file is read later, because a resumed run needs none.

    Raises:
        ValueError: it is not a mapping of names.
    """
    return value if isinstance(value, str) else read(value)


def load(value: Any) -> dict[str, str | None]:
    """Return the renames as ``read`` does.

    Raises:
        ConfigError: in place of the ValueError of ``read``.
    """
    try:
        return read(value)
    except ValueError as error:
        raise ConfigError([f"init_map: {error}"]) from None


def _loaded(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ValueError(f"expected a YAML file of names, received {path} ({why})") from None


def apply(renames: Renames, names: Iterable[str]) -> tuple[dict[str, str | None], list[str]]:
    """Return the new name of every name, None where it is dropped, and the problems.

    Args:
        renames: by old name: the new one, or None to leave out. Old is one or more whole dotted
            parts, wherever they stand in a name, or ``re:`` and a regular expression, for which
            new may refer to groups. All are applied, in their order.
        names: names of a file.
    """
    renamed: dict[str, str | None] = dict.fromkeys(names)
    renamed |= {name: name for name in renamed}
    problems = []
    for old, new in renames.items():
        pattern, used = _pattern(old), False
        for name, current in renamed.items():
            if current is not None and pattern.search(current):
                renamed[name] = None if new is None else _renamed(pattern, new, current)
                used = True
        if not used:
            parts = {part for name in renamed for part in name.split(".")}
            problems.append(
                f"init_map: expected part of a name in the file, received {old!r}"
                f"{nearest(old, sorted(parts))}"
            )
    return renamed, problems


def _renamed(pattern: re.Pattern[str], new: str, name: str) -> str:
    return re.sub(r"\.+", ".", pattern.sub(new, name)).strip(".")


def _pattern(old: str) -> re.Pattern[str]:
    if old.startswith(_REGEX):
        return re.compile(old.removeprefix(_REGEX))
    return re.compile(rf"(?<![^.]){re.escape(old)}(?![^.])")

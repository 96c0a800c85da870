"""Config folders: a group's YAML lies in the user's ``--config-dir`` or in ``conf/``."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from trainer.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MODULE = "trainer.conf"
FLAG = "--config-dir"
_FLAGS = (FLAG, "-cd")
_PRIMARY = "train.yaml"  # the default run, on which all else builds

_user: list[Path] = []


def use(folder: Path | None) -> None:
    """Look in a user's folder first from now on; None: only in the shipped ``conf/``.

    Raises:
        ConfigError: it is no folder, or it holds another default run.
    """
    if folder is not None:
        folder = folder.expanduser().absolute()
        if problem := _unfit(folder):
            raise ConfigError([f"{FLAG}: {problem}"])
    _user[:] = [] if folder is None else [folder]
    read.cache_clear()


def _unfit(folder: Path) -> str | None:
    if not folder.is_dir():
        parent = folder.parent
        folders = [p.name for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
        return f"expected a folder of YAML files, received {folder}{nearest(folder.name, folders)}"
    if (folder / _PRIMARY).exists():
        return (
            f"expected groups and experiments, received {folder / _PRIMARY}, which would replace "
            f"every default; write experiment/NAME.yaml in {folder} instead"
        )
    return None


def user_folder() -> Path | None:
    """Return the folder that ``--config-dir`` named; None: it named none."""
    return _user[0] if _user else None


def split(argv: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the folder that a command line names, and the other words.

    Raises:
        ConfigError: the flag has no value, or is given twice.
    """
    folders: list[str] = []
    others: list[str] = []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in _FLAGS:
            folders.append(value if equals else next(words, ""))
        else:
            others.append(word)
    if len(folders) > 1 or "" in folders:
        text = " and ".join(filter(None, folders)) or "none"
        raise ConfigError([f"{FLAG}: expected one folder, received {text}"])
    return (Path(folders[0]) if folders else None), others


def flags() -> list[str]:
    """Return the words with which another process uses the same folder."""
    return [FLAG, str(_user[0])] if _user else []


def shadowed() -> list[str]:
    """Return the user's files that replace shipped ones, as paths in the folder."""
    shipped = files(MODULE)
    return [name for name in user_files() if shipped.joinpath(*Path(name).parts).is_file()]


def user_files() -> list[str]:
    """Return the paths of the YAML files in the user's folder, relative to it and sorted."""
    found = [p.relative_to(root).as_posix() for root in _user for p in root.rglob("*.yaml")]
    return sorted(found)


def options(group: str) -> list[str]:
    """Return the names that a group offers, sorted."""
    return sorted(
        {
            entry.name.removesuffix(".yaml")
            for folder in (root / group for root in _roots())
            if folder.is_dir()
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        }
    )


@cache
def read(group: str, name: str) -> dict[str, Any]:
    """Return what the YAML file of a group's option holds.

    Raises:
        FileNotFoundError: the group has no such option.
        ConfigError: the file holds no mapping.
    """
    for root in _roots():
        path = root / group / f"{name}.yaml"
        if path.is_file():
            try:
                return dict(yaml.safe_load(path.read_text()))
            except (yaml.YAMLError, TypeError, ValueError) as error:
                why = " ".join(str(error).split())
                raise ConfigError([f"{path}: expected keys and values ({why})"]) from None
    raise FileNotFoundError(f"{group}/{name}.yaml")


def _roots() -> "list[Traversable]":
    return [*_user, files(MODULE)]

"""Config folders: a group's YAML lies in the user's ``--config-dir`` or in ``conf/``."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MODULE = "trainer.conf"

_user: list[Path] = []


def use(folder: Path | None) -> None:
    """Look in a user's folder first from now on; None: only in the shipped ``conf/``."""
    _user[:] = [] if folder is None else [folder]
    read.cache_clear()


def user_folder() -> Path | None:
    """Return the folder that ``--config-dir`` named; None: it named none."""
    return _user[0] if _user else None


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
    """
    for root in _roots():
        path = root / group / f"{name}.yaml"
        if path.is_file():
            return dict(yaml.safe_load(path.read_text()))
    raise FileNotFoundError(f"{group}/{name}.yaml")


def _roots() -> "list[Traversable]":
    return [*_user, files(MODULE)]

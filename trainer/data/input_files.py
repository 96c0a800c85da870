"""Input files: the files, folders and patterns that a command line names, as a list of files."""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from trainer.core.errors import ConfigError, nearest
from trainer.core.text import shorten

FindFiles: TypeAlias = Callable[[Path], tuple[Sequence[Path], Mapping[str, int]]]
"""Returns the files of a folder that a transform prepares, and the number of others by kind."""


@dataclass(frozen=True)
class InputFiles:
    """The files that were named.

    Attributes:
        files: in the order of their names on the command line; each once.
        ignored: number of entries of folders that were left out, by their kind.
    """

    files: tuple[Path, ...]
    ignored: Mapping[str, int]


def find(names: Sequence[str], find_files: FindFiles | None) -> InputFiles:
    """Return the files that names stand for.

    Args:
        names: of files, which are taken whatever they are; of folders, which are searched with
            the folders in them; or patterns, which the shell has not replaced.
        find_files: searches a folder; None: what to look for in one is not known.

    Raises:
        ConfigError: names all that stand for nothing.
    """
    files: list[Path] = []
    ignored, problems = Counter[str](), list[str]()
    for name in names:
        paths = _matches(name)
        if not paths:
            problems.append(
                f"expected a file, a folder or a pattern, received {name!r}{_near(name)}"
            )
        for path in paths:
            files += _files(path, find_files, ignored, problems)
    if problems:
        raise ConfigError(problems)
    return InputFiles(tuple(dict.fromkeys(files)), dict(ignored))


def _matches(name: str) -> list[Path]:
    path = _path(name)
    if path.exists() or not glob.has_magic(name):
        return [path] if path.exists() else []
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207  Path.glob has no absolute ones
    return [Path(match) for match in sorted(matches, key=_natural)]


def _path(name: str) -> Path:
    """Return the path of a name, in which ``~`` stands for a home unless it is part of a name."""
    if Path(name).exists():
        return Path(name)
    return Path(os.path.expanduser(name))  # noqa: PTH111  Path.expanduser raises on ~name.jpg


def _files(
    path: Path, find_files: FindFiles | None, ignored: Counter[str], problems: list[str]
) -> Sequence[Path]:
    """Return the files of a path; count what is left out, and note what is wrong."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        problems.append(f"expected a file or a folder, received {path}, which is neither")
        return []
    if find_files is None:
        text = f"expected files, received the folder {path}: the transform has no find_files"
        problems.append(f"{text}, which says what to look for in it; a pattern names them")
        return []
    try:
        files, others = find_files(path)
    except (ValueError, OSError) as error:
        problems.append(str(error))
        return []
    ignored.update(others)
    if not files:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.items()) or "nothing"
        problems.append(f"expected a folder with files to predict, received {path}, with {kinds}")
    return files


def _near(name: str) -> str:
    """Return what lies where a name looks for something that is not there."""
    path = _path(name)
    while not path.parent.is_dir():
        path = path.parent
    entries = sorted(entry.name for entry in path.parent.iterdir())
    hint = nearest(path.name, entries)
    return hint or f" ({path.parent} has {shorten(entries) if entries else 'no entries'})"


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sorting key by which ``img2`` comes before ``img10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part) if place % 2 else 0, part) for place, part in enumerate(parts)]

"""Path errors: an OSError of a path that the command line names, as a configuration error."""

import errno
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.core.text import clip

_LOOP = re.compile(r"Symlink loop from '(.*)'")
_MAX_NAME = 255  # bytes, on almost all file systems
_REMEDIES = {
    errno.ENAMETOOLONG: f"use names of at most {_MAX_NAME} bytes",
    errno.ENOTDIR: "one of the folders in it is a file",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.EACCES: "use a path that this user may read and write",
    errno.EPERM: "use a path that this user may read and write",
    errno.EISDIR: "it is a folder, name a file",
    errno.EEXIST: "it is a file, name a folder",
}


def path_problem(error: BaseException, argv: Sequence[str]) -> str | None:
    """Return what is wrong with a path that the command line names; None: it names no such path.

    Args:
        error: what the operating system reports, with the path; or what ``Path.resolve`` raises for
            links in a circle before Python 3.13.
        argv: the words of the command line: ``KEY=PATH``, ``PATH`` or ``PATH@EPOCH``.
    """
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return _unknown_home(argv)
    if isinstance(error, RuntimeError) and (loop := _LOOP.fullmatch(str(error))):
        error = OSError(errno.ELOOP, os.strerror(errno.ELOOP), loop[1])
    if not isinstance(error, OSError) or error.errno not in _REMEDIES or not error.filename:
        return None
    path = os.fsdecode(error.filename)
    for key, value in (pair for word in argv for pair in _possible_paths(word)):
        if _names(value, path):
            received = f"received {clip(value)!r} ({error.strerror})"
            return f"{key}: expected a path that can be used, {received}; {_REMEDIES[error.errno]}"
    return None


def _unknown_home(argv: Sequence[str]) -> str | None:
    """Return which word names a home that does not exist; ``Path.expanduser`` does not say it."""
    for word in argv:
        key, equals, value = word.partition("=")
        path = value if equals else word
        if path.startswith("~"):
            name = key.lstrip("+") if equals else "path"
            expected = f"expected a path that can be used, received {clip(path)!r}"
            return f"{name}: {expected} (no user has this home); ./~NAME is a file of that name"
    return None


def _possible_paths(word: str) -> Iterator[tuple[str, str]]:
    """Yield the paths that a word may name, with the key of each."""
    key, _, value = word.partition("=")
    for name, text in ((key.lstrip("+"), value), ("path", word)):
        if path := text.strip("'\"").removeprefix("~/").removeprefix("./").rstrip("/"):
            yield name, path


def _names(value: str, path: str) -> bool:
    """Tell whether a path is the one that a word names, a folder above it, or a file within it."""
    folder, received = Path(value.rpartition("@")[0] or value), Path(path)
    parts, first = received.parts, folder.parts
    within = any(parts[at : at + len(first)] == first for at in range(len(parts)))
    return within or folder.absolute().is_relative_to(received.absolute())

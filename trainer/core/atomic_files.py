"""Files written whole or not at all: a temporary name, fsync, then rename."""

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from trainer.core.errors import CannotWrite


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes ``path``'s place, else it goes.

    Raises:
        CannotWrite: the disk is full, say; ``path`` is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        # Readable by whom the folder is: some writers make theirs for the owner alone.
        partial.chmod(path.parent.stat().st_mode & 0o666)
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise CannotWrite(f"expected to write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):  # a disk that is read-only, of which the error above tells
            partial.unlink()


@contextmanager
def atomic_write_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, which takes its place with all files in it.

    What stood at ``path`` is lost, and a kill may come before the new takes its place. Of several
    processes that do this at once, one wins.

    Raises:
        CannotWrite: the disk is full, say.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        _sync(partial)
        before = _inode(path)
        shutil.rmtree(path, ignore_errors=True)
        try:
            partial.replace(path)
        except OSError:
            if _inode(path) in (None, before):
                raise
            # another process was faster
        _sync(path.parent)
    except OSError as error:
        raise CannotWrite(f"expected to write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def clear_partial(folder: Path) -> None:
    """Remove what writers that were killed have left beneath a folder; none may be at work."""
    for path in list(folder.rglob(".*")):
        if re.fullmatch(r"\..+\.\d+", path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_write(path) as partial:
        partial.write_text(text)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole, indented, keys in the order given."""
    write_text(path, dumps(data, indent=2) + "\n")


def write_lines(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON object whole, a line for each item of its lists, as a diff wants it."""
    write_text(path, "{\n" + ",\n".join(map(_entry, data, data.values())) + "\n}\n")


def _entry(key: str, value: Any) -> str:
    if not isinstance(value, list | tuple) or not value:
        return f"  {dumps(key)}: {dumps(value)}"
    items = ",\n".join(f"    {dumps(item)}" for item in value)
    return f"  {dumps(key)}: [\n{items}\n  ]"


def dumps(data: Any, indent: int | None = None) -> str:
    """Return strict JSON: a number that is not finite becomes the text ``nan`` or ``inf``."""
    return json.dumps(_finite(data), indent=indent, allow_nan=False)


def plain(data: Any) -> Any:
    """Return data as a JSON file gives it back."""
    return json.loads(dumps(data))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def checksum(data: Any) -> str:
    """Return the SHA-256 of plain data, as ``dumps`` writes it; the order of keys matters."""
    return sha256(dumps(data).encode())


class Hasher(Protocol):
    """What hashlib and xxhash make."""

    def update(self, data: bytes, /) -> None:
        """Take in more."""

    def hexdigest(self) -> str:
        """Return the hash of all that was taken in."""


def digest(path: Path, hasher: Hasher | None = None) -> str:
    """Return the hash of a file: its SHA-256, or what another hasher makes of it."""
    found = hasher or hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def remove(paths: Iterable[Path]) -> None:
    """Remove files, gone for good from their folders when this returns."""
    gone = list(paths)
    for path in gone:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in gone}:
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

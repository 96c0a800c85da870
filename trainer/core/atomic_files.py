"""Atomic files: written under a temporary name, synced, then renamed."""

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

_in_use: dict[Path, int] = {}  # folders that may not be removed meanwhile, and their inodes


@contextmanager
def folder_in_use(folder: Path) -> Iterator[None]:
    """Refuse to write beneath a folder that was removed while the block runs.

    Otherwise the next file would create it again, without the files that it held before.
    """
    descriptor = os.open(folder, os.O_RDONLY)  # while it is open, no other folder gets the inode
    _in_use[folder] = os.fstat(descriptor).st_ino
    try:
        yield
    finally:
        del _in_use[folder]
        os.close(descriptor)


def _check_folder(path: Path) -> None:
    for folder, inode in list(_in_use.items()):
        if path.is_relative_to(folder) and _inode(folder) != inode:
            raise CannotWrite(f"expected to write {path}: the folder {folder} was removed")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, which it replaces on success; else it is removed.

    Raises:
        CannotWrite: the disk is full, for example; ``path`` is unchanged.
    """
    _check_folder(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        # Readable by all who can read the folder: some writers create files for the owner alone.
        partial.chmod(path.parent.stat().st_mode & 0o666)
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise CannotWrite(f"expected to write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):  # on a read-only disk, which the error above reports
            partial.unlink()


@contextmanager
def atomic_write_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder next to ``path``, which it replaces with all files in it.

    The former contents of ``path`` are lost, even if a kill comes before the new folder takes its
    place. If several processes do this at once, one wins.

    Raises:
        CannotWrite: the disk is full, for example.
    """
    _check_folder(path)
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
    """Remove the partial files of killed writers beneath a folder; no writer may be running."""
    for path in list(folder.rglob(".*")):
        if re.fullmatch(r"\..+\.\d+", path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file atomically, indented, keys in the order given."""
    write_text(path, dumps(data, indent=2) + "\n")


def write_lines(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON object atomically, one line per item of its lists, for readable diffs."""
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
    """Return data as they are read back from a JSON file."""
    return json.loads(dumps(data))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def checksum(data: Any) -> str:
    """Return the SHA-256 of plain data, as ``dumps`` writes it; the order of keys matters."""
    return sha256(dumps(data).encode())


class Hasher(Protocol):
    """A hash object of hashlib or xxhash."""

    def update(self, data: bytes, /) -> None:
        """Add data to the hash."""

    def hexdigest(self) -> str:
        """Return the hash of all data that were added."""


def digest(path: Path, hasher: Hasher | None = None) -> str:
    """Return the hash of a file: its SHA-256, or that of another hasher."""
    hasher = hasher or hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def remove(paths: Iterable[Path]) -> None:
    """Remove files; when this returns, the removal is on the disk."""
    removed = list(paths)
    for path in removed:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in removed}:
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Cache folder: what runs share in the user's cache folder, within a limit.

platformdirs would put it elsewhere on macOS than documented, and where there is no home directory
into a folder named ``~`` in the working directory.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

# Only entries with such a name are ever removed: a user may choose a folder with other contents.
_ENTRY = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_PARTIAL = re.compile(r"\.([0-9a-f]{32}|[0-9a-f]{64})\.\d+")
_ABANDONED = 86_400.0  # seconds after which no process is still writing a partial entry


def folder(name: str, chosen: str | None = None) -> Path:
    """Return the folder of a cache: the one that was chosen, or one in the user's cache folder."""
    root = chosen or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        path = Path(root).expanduser()
    except RuntimeError:  # there is no home
        path = Path(tempfile.gettempdir()) / f"user-{os.getuid()}"
    return path if chosen else path / "freeze-trainer" / name


def use(entry: Path) -> None:
    """Record that an entry, a folder in a cache, is used now."""
    with suppress(OSError):
        os.utime(entry)


def entries(cache: Path) -> list[Path]:
    """Return the entries of a cache, each a folder named by a hash."""
    return [path for path in cache.glob("*") if _ENTRY.fullmatch(path.name) and path.is_dir()]


def drop_oldest(cache: Path, limit: float, kept: Collection[Path] = ()) -> float:
    """Remove the least recently used entries until the rest fits.

    A process that has mapped files of a removed entry into its memory keeps them.

    Args:
        cache: a folder of entries; its other contents are left alone.
        limit: bytes.
        kept: entries that are retained, whatever their age.

    Returns:
        Bytes of the entries that are left.
    """
    sizes = {entry: size(entry) for entry in entries(cache)}
    total = sum(sizes.values())
    for entry in sorted(sizes.keys() - set(kept), key=_last_used):
        if total <= limit:
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= sizes[entry]
    return total


def clear_partial(folder: Path) -> None:
    """Remove the partial entries of writers that were killed a day ago or earlier."""
    for path in folder.glob(".*"):
        if _PARTIAL.fullmatch(path.name) and time.time() - _last_used(path) > _ABANDONED:
            shutil.rmtree(path, ignore_errors=True)


def size(entry: Path) -> int:
    """Return the bytes of all files beneath a folder."""
    total = 0
    for path in entry.rglob("*"):
        with suppress(OSError):  # another process has removed it just now
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_used(entry: Path) -> float:
    with suppress(OSError):
        return entry.stat().st_mtime
    return time.time()  # it has gone

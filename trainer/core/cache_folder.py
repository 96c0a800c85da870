"""Caches: what runs leave for one another in the user's cache folder, within a limit."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

# Only what is named so is ever removed: a user may choose a folder that holds other things.
_ENTRY = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_PARTIAL = re.compile(r"\.([0-9a-f]{32}|[0-9a-f]{64})\.\d+")
_ABANDONED = 86_400.0  # seconds after which nobody is writing a partial entry any more


def folder(name: str, chosen: str | None = None) -> Path:
    """Return where a cache lies: where the user has chosen, or in the user's cache folder."""
    root = chosen or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        found = Path(root).expanduser()
    except RuntimeError:  # there is no home
        found = Path(tempfile.gettempdir()) / f"user-{os.getuid()}"
    return found if chosen else found / "freeze-trainer" / name


def use(entry: Path) -> None:
    """Note that an entry, a folder in a cache, is used now."""
    with suppress(OSError):
        os.utime(entry)


def entries(cache: Path) -> list[Path]:
    """Return the entries of a cache, each a folder named by a hash."""
    return [path for path in cache.glob("*") if _ENTRY.fullmatch(path.name) and path.is_dir()]


def drop_oldest(cache: Path, limit: float, kept: Collection[Path] = ()) -> float:
    """Remove the entries that have not been used for longest until the rest fits.

    What was removed stays with a process that has mapped files of it into its memory.

    Args:
        cache: a folder of entries; what else lies there is left alone.
        limit: bytes.
        kept: entries that stay, whatever their age.

    Returns:
        Bytes of what is left.
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
    """Remove what writers that were killed have left in a folder, a day ago or more."""
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

"""Caches: what runs leave for one another in the user's cache folder, within a limit."""

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path


def folder(name: str, chosen: str | None = None) -> Path:
    """Return where a cache lies: where the user has chosen, or in the user's cache folder."""
    if chosen is not None:
        return Path(chosen).expanduser()
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "freeze-trainer" / name


def use(entry: Path) -> None:
    """Note that an entry, a folder in a cache, is used now."""
    with suppress(OSError):
        os.utime(entry)


def drop_oldest(cache: Path, limit: float, kept: Collection[Path] = ()) -> list[Path]:
    """Remove the entries that have not been used for longest until the rest fits.

    Args:
        cache: a folder of entries, each a folder.
        limit: bytes.
        kept: entries that stay, whatever their age.

    Returns:
        What was removed. A process that has mapped files of it into its memory keeps those.
    """
    sizes = {entry: size(entry) for entry in cache.glob("[!.]*") if entry.is_dir()}
    total, gone = sum(sizes.values()), []
    for entry in sorted(sizes.keys() - set(kept), key=_last_used):
        if total <= limit:
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= sizes[entry]
        gone.append(entry)
    return gone


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
    return 0.0

"""Opens the cache of decoded images that the settings ask for."""

import os
from pathlib import Path

from .cache import DiskCache, ImageCache, MemoryCache
from .errors import DataError


def open_cache(kind: str | None, limit_mb: float) -> ImageCache | None:
    """Return a cache in memory, or one on disk that runs share; `None`: there is none.

    Args:
        kind: `memory`, `disk` or `None`.
        limit_mb: most space, in megabytes (10**6 bytes); above 0.

    Raises:
        DataError: an argument is out of its range.
    """
    if kind is None:
        return None
    if kind not in ("memory", "disk"):
        raise DataError(f"cache: expected memory, disk or null, received {kind!r}")
    if not isinstance(limit_mb, int | float) or not limit_mb > 0:
        raise DataError(f"cache_mb: expected more than 0, received {limit_mb!r}")
    return MemoryCache(limit_mb) if kind == "memory" else DiskCache(cache_folder(), limit_mb)


def cache_folder() -> Path:
    """Return the folder of the cache on disk, in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "freeze-trainer" / "images"

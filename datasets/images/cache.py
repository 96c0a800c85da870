"""Decoded images in memory or on disk, so that later epochs need not decode.

What is stored are pixels of 8 bits, a quarter of the prepared float32 images; what is random
happens after them. A store has a limit: once it is full, further images are decoded in each epoch,
and no image replaces another, because each is read once per epoch.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from .transforms.resize import Pixels

_SUFFIX = ".npy"


class ImageCache(Protocol):
    """Stores the pixels of images. Several threads may use it at once."""

    def get(self, key: str, decode: Callable[[], Pixels]) -> Pixels:
        """Return the pixels of a key; where they are not stored, decode and store them."""


class MemoryCache:
    """Pixels in the memory of this process."""

    def __init__(self, limit_mb: float) -> None:
        """Create an empty cache of at most `limit_mb` megabytes (10**6 bytes)."""
        self._limit = int(limit_mb * 1e6)
        self._images: dict[str, Pixels] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str, decode: Callable[[], Pixels]) -> Pixels:
        """Return the pixels of a key; where they are not stored, decode and store them."""
        pixels = self._images.get(key)
        if pixels is None:
            pixels = np.ascontiguousarray(decode())
            with self._lock:
                if key not in self._images and self._bytes + pixels.nbytes <= self._limit:
                    self._images[key] = pixels
                    self._bytes += pixels.nbytes
        return pixels

    @property
    def size(self) -> int:
        """Bytes of the pixels that are stored."""
        return self._bytes


class DiskCache:
    """Pixels in files of a folder, which later runs and other processes use too.

    A file is written under another name and then renamed, so that it is complete or missing.
    """

    def __init__(self, folder: Path, limit_mb: float) -> None:
        """Open a folder; what is in it counts towards `limit_mb` megabytes (10**6 bytes)."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = int(limit_mb * 1e6)
        self._bytes = sum(path.stat().st_size for path in folder.glob(f"*/*{_SUFFIX}"))
        self._lock = threading.Lock()

    def get(self, key: str, decode: Callable[[], Pixels]) -> Pixels:
        """Return the pixels of a key; where they are not stored, decode and store them."""
        name = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        path = self._folder / name[:2] / f"{name}{_SUFFIX}"
        try:
            stored: Pixels = np.load(path)
        except (OSError, ValueError, EOFError):  # missing, or damaged and therefore written again
            pixels = np.ascontiguousarray(decode())
            self._write(path, pixels)
            return pixels
        return stored

    @property
    def size(self) -> int:
        """Bytes of the files that are stored."""
        return self._bytes

    def _write(self, path: Path, pixels: Pixels) -> None:
        size = pixels.nbytes + 128  # of the header
        with self._lock:
            if self._bytes + size > self._limit:
                return
            self._bytes += size
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            path.parent.mkdir(exist_ok=True)
            with temporary.open("wb") as stream:
                np.save(stream, pixels)
            temporary.replace(path)
        except OSError:  # a full disk, for example: the run goes on without the cache
            with suppress(OSError):
                temporary.unlink()
            with self._lock:
                self._bytes -= size


def cache_key(path: Path, preparation: str) -> str:
    """Return a key of a file as it is now: its path, size and time of change, and a preparation.

    Args:
        path: of the file.
        preparation: what the pixels depend on besides, such as `shorter side 256, bilinear`.
    """
    status = path.stat()
    return f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}\n{preparation}"

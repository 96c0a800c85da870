"""File hashes: SHA-256 of files, remembered by path, size and time of change."""

import json
import time
from contextlib import suppress
from pathlib import Path

from trainer.core import atomic_files, cache_folder
from trainer.core.errors import CannotWrite

_LIMIT = 500e6  # bytes of all caches; a file takes about 150
_RECENT = 2_000_000_000  # ns; a file that has just changed may change again within the same time

_Entry = tuple[int, int, str]  # size, time of the last change in ns, hash


class FileHashes:
    """Hashes of the files beneath a folder, kept in the user's cache folder between runs.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        key = atomic_files.sha256(str(root.resolve()).encode("utf-8", "surrogateescape"))
        self._cache = cache_folder.folder("file_hashes")
        self._path = self._cache / key / "hashes.json"
        self._entries = self._read()
        self._has_new = False

    def sha256(self, file: str) -> tuple[int, str]:
        """Return the size and the SHA-256 of a file; the path is relative to the folder.

        Raises:
            OSError: it cannot be read.
        """
        path = self._root / file
        status = path.stat()
        entry = self._entries.get(file)
        if entry and entry[:2] == (status.st_size, status.st_mtime_ns):
            return entry[0], entry[2]
        digest = atomic_files.digest(path)
        if time.time_ns() - status.st_mtime_ns > _RECENT:
            self._entries[file] = status.st_size, status.st_mtime_ns, digest
            self._has_new = True
        return status.st_size, digest

    def save(self) -> None:
        """Write what is new; where that is not possible, the files are hashed again next time."""
        if not self._has_new:
            return
        with suppress(CannotWrite, OSError):
            atomic_files.write_text(self._path, json.dumps(self._entries))
            cache_folder.drop_oldest(self._cache, _LIMIT, [self._path.parent])

    def _read(self) -> dict[str, _Entry]:
        with suppress(OSError, ValueError, TypeError, AttributeError):
            entries = json.loads(self._path.read_text())
            cache_folder.use(self._path.parent)
            return {str(f): (int(n), int(t), str(h)) for f, (n, t, h) in entries.items()}
        return {}

"""Segment files: the rows of a segment in a folder of plain ``.npy`` files with checksums."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.core import atomic_files

Rows: TypeAlias = "list[NDArray[Any]]"
Digests: TypeAlias = "Sequence[bytes]"

DIGEST = 16  # bytes
_CHECKSUMS = "checksums.json"


@dataclass(frozen=True)
class Column:
    """A column of the store: per sample, values of a shape and a NumPy type."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def _names(columns: int) -> list[str]:
    return [f"column_{nth}.npy" for nth in range(columns)]


def save(folder: Path, digests: Digests, rows: Rows) -> None:
    """Write the files of a segment."""
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST)
    for name, array in zip(("digests.npy", *_names(len(rows))), (keys, *rows), strict=True):
        np.save(folder / name, array)
    sums = {path.name: checksum(path) for path in folder.glob("*.npy")}
    (folder / _CHECKSUMS).write_text(json.dumps(sums))


def is_intact(path: Path, columns: Sequence[Column]) -> bool:
    """Return whether a segment has its checksums and these columns."""
    with suppress(OSError, ValueError, AttributeError):
        sums = json.loads((path / _CHECKSUMS).read_text())
        if any(checksum(path / name) != value for name, value in sums.items()):
            return False
        rows = map_rows(path, len(columns))
        own = [Column(array.shape[1:], str(array.dtype)) for array in rows]
        return own == list(columns) and "digests.npy" in sums
    return False


def map_rows(path: Path, columns: int) -> Rows:
    """Return the columns of a segment, mapped from its files."""
    return [np.load(path / name, mmap_mode="r") for name in _names(columns)]


def checksum(path: Path) -> str:
    """Return the checksum of a file."""
    return atomic_files.digest(path, xxhash.xxh3_128())

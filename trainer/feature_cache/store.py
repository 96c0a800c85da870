"""Feature store: rows of values by the digest of their sample, in memory and in a folder.

Rows are collected in segments. A full segment is written atomically as a folder of plain ``.npy``
files and their checksums, named after the digests of its rows. A segment stays in memory while the
budget lasts; otherwise it is mapped from its files. Several processes may write to one folder: each
reads what the others have written.
"""

import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.core import atomic_files, cache_folder
from trainer.core.errors import CannotWrite
from trainer.feature_cache import segment_files
from trainer.feature_cache.segment_files import DIGEST, Column, Digests, Rows

log = logging.getLogger(__name__)

_SEGMENT_BYTES = 256e6  # each mapped column keeps a file open


def digests(inputs: Sequence[NDArray[Any]]) -> list[bytes]:
    """Return a digest of the inputs of each sample: 128 bits of XXH3."""
    first, *others = inputs
    if not others:
        return [xxhash.xxh3_128_digest(row) for row in _contiguous(first)]
    result = []
    for row in zip(*map(_contiguous, inputs), strict=True):
        sample = xxhash.xxh3_128()
        for part in row:
            sample.update(part)
        result.append(sample.digest())
    return result


def _contiguous(column: NDArray[Any]) -> NDArray[Any]:
    return column.copy(order="C") if not column.flags.c_contiguous else column


class FeatureStore:
    """Rows of several columns, found by digest.

    Args:
        folder: holds the segments; its parent is the cache.
        columns: the columns of a row.
        memory: bytes that rows may take in memory; rows not yet written may exceed it.
        limit: bytes that the cache may take on disk.
        temporary: whether no other run can use the rows: the folder is removed in the end.

    Attributes:
        adopted: number of segments of other runs that are in use.
        temporary: see above.
    """

    def __init__(
        self,
        folder: Path,
        columns: Sequence[Column],
        memory: float,
        limit: float,
        temporary: bool = False,
    ) -> None:
        self.folder = folder
        self.columns = tuple(columns)
        self._memory = memory
        self._limit = limit
        self.temporary = temporary
        self._row_bytes = sum(column.nbytes for column in columns) + DIGEST
        self._segments: list[Rows] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        self._known: set[str] = set()
        self._unwritten: list[bytes] = []
        self._open = -1
        self._writable = limit > 0
        self._isolated = False
        self.adopted = 0
        cache_folder.clear_partial(folder)
        self.refresh()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def memory_bytes(self) -> int:
        """Bytes that rows take in memory."""
        in_memory = (s for s in self._segments if not isinstance(s[0], np.memmap))
        return sum(array.nbytes for segment in in_memory for array in segment)

    @property
    def digests(self) -> set[bytes]:
        """The digests of all samples that have a row."""
        return set(self._places)

    def missing(self, digests: Digests) -> list[int]:
        """Return the indices of samples that have no row, here or in what others have written."""
        missing = [nth for nth, digest in enumerate(digests) if digest not in self._places]
        if missing and self.refresh():
            return [nth for nth in missing if digests[nth] not in self._places]
        return missing

    def get(self, digests: Digests) -> Rows:
        """Return the rows of samples, a new array for each column.

        Raises:
            KeyError: a sample has no row.
        """
        places = np.array([self._places[digest] for digest in digests]).reshape(-1, 2)
        rows = [np.empty((len(places), *c.shape), c.dtype) for c in self.columns]
        for segment in np.unique(places[:, 0]):
            (targets,) = np.nonzero(places[:, 0] == segment)
            for target, column in zip(rows, self._segments[segment], strict=True):
                target[targets] = column[places[targets, 1]]
        return rows

    def put(self, digests: Digests, rows: Sequence[NDArray[Any]]) -> None:
        """Add the rows of samples; a row that exists is left unchanged.

        Nothing is added when neither the memory nor the folder has room.
        """
        for nth, digest in enumerate(digests):
            if digest in self._places or (self._open < 0 and not self._has_room()):
                continue
            if self._open < 0:
                self._new_segment()
            index = len(self._unwritten)
            for target, column in zip(self._segments[self._open], rows, strict=True):
                target[index] = column[nth]
            self._places[digest] = self._open, index
            self._unwritten.append(digest)
            if len(self._unwritten) == len(self._segments[self._open][0]):
                self.flush()

    def flush(self) -> None:
        """Write the rows that are only in memory so far, if the limit and the disk allow it."""
        cache_folder.use(self.folder)
        if not self._unwritten:
            return
        digests, self._unwritten = self._unwritten, []
        nth, self._open = self._open, -1
        rows = [np.ascontiguousarray(array[: len(digests)]) for array in self._segments[nth]]
        self._segments[nth] = rows
        name = xxhash.xxh3_128_hexdigest(b"".join(digests))
        if self._write(name, digests, rows) and self.memory_bytes > self._memory:
            with suppress(OSError):  # another process has dropped it: the rows stay in memory
                self._segments[nth] = segment_files.map_rows(self.folder / name, len(self.columns))

    def refresh(self) -> bool:
        """Read segments that are new in the folder; return whether there were any."""
        before = self.adopted
        paths = [] if self._isolated else cache_folder.entries(self.folder)
        for path in sorted(path for path in paths if path.name not in self._known):
            self._known.add(path.name)
            with suppress(OSError):
                self._adopt(path)
        return self.adopted > before

    def clear(self) -> None:
        """Remove every segment, and read no more segments that others write."""
        for path in cache_folder.entries(self.folder):
            shutil.rmtree(path, ignore_errors=True)
        self._forget()

    def close(self) -> None:
        """Release the memory and store no more; write the rows, or remove those of a single run."""
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.flush()
        self.temporary, self._writable, self._memory = False, False, -1
        self._forget()

    def _forget(self) -> None:
        self._segments, self._places, self._unwritten, self._open = [], {}, [], -1
        self._isolated = True

    def _has_room(self) -> bool:
        return self._writable or self.memory_bytes <= self._memory

    def _new_segment(self) -> None:
        count = max(1, int(_SEGMENT_BYTES // self._row_bytes))
        self._open = len(self._segments)
        self._segments.append([np.empty((count, *c.shape), c.dtype) for c in self.columns])

    def _write(self, name: str, digests: Digests, rows: Rows) -> bool:
        """Write a segment; return whether it is in the folder now."""
        self._known.add(name)
        cache, nbytes = self.folder.parent, len(digests) * self._row_bytes
        if not self._writable:
            return False
        try:
            left = cache_folder.drop_oldest(cache, self._limit - nbytes, [self.folder])
            if left + nbytes > self._limit:
                raise CannotWrite(f"they take more than features.max_mb, {self._limit / 1e6:g} MB")
            if not (self.folder / name).is_dir():  # the name identifies its rows
                with atomic_files.atomic_write_folder(self.folder / name) as partial:
                    segment_files.save(partial, digests, rows)
        except (CannotWrite, OSError) as error:
            self._writable = False
            log.warning("warning: features are kept in memory only: %s", error)
            return False
        return True

    def _adopt(self, path: Path) -> None:
        """Use a segment that is intact; remove a damaged one."""
        if not segment_files.is_intact(path, self.columns):
            if path.exists():  # another process may have dropped it just now
                log.warning("warning: features in %s are damaged; they are computed again", path)
                shutil.rmtree(path, ignore_errors=True)
            return
        rows = segment_files.map_rows(path, len(self.columns))
        if self.memory_bytes + sum(array.nbytes for array in rows) <= self._memory:
            rows = [np.array(array) for array in rows]
        digests = np.load(path / "digests.npy")
        self._segments.append(rows)
        self.adopted += 1
        for index, digest in enumerate(digests):
            self._places.setdefault(digest.tobytes(), (len(self._segments) - 1, index))

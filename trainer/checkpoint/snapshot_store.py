"""Snapshot store: the weights after every epoch; unchanged tensors are stored once. No MindSpore.

An epoch is an index, ``epoch_007.json``: for each tensor the file that holds it and its hash. That
file is the epoch's own, ``epoch_007.safetensors``, or that of the earlier epoch since which the
tensor has not changed. A tensor stays in the file that it was first written to. So an epoch is
removed by removing its index, and no other index is touched. Whenever a process is killed, each
index that exists names only tensors that exist; tensors that no index names are removed afterwards.
"""

import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core import atomic_files, format_version, tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.core.text import shorten

log = logging.getLogger(__name__)

_INDEX = re.compile(r"epoch_(\d{3,})\.json")
_FILE = re.compile(r"epoch_\d{3,}\.safetensors")


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of an epoch.

    Attributes:
        name: dotted path of the parameter.
        file: name of the safetensors file that holds it under this name.
        sha256: hash of its bytes in C order.
        shape: its shape.
        dtype: NumPy's name of its data type.
    """

    name: str
    file: str
    sha256: str
    shape: tuple[int, ...]
    dtype: str


class SnapshotStore:
    """The snapshots in one folder; a run writes them, anything may read them.

    Args:
        folder: created when the first epoch is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[str, TensorEntry] = {}
        self._weights: Weights = {}

    def epochs(self) -> list[int]:
        """Return the numbers of the stored epochs, ascending."""
        matches = (_INDEX.fullmatch(path.name) for path in self.folder.glob("epoch_*.json"))
        return sorted(int(match[1]) for match in matches if match)

    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.glob("*"))

    def write(self, epoch: int, weights: Weights) -> None:
        """Write an epoch; tensors that have not changed are only listed in its index.

        Args:
            epoch: its number, higher than those stored.
            weights: the arrays; not copied, and must not change until the next epoch is written.
        """
        if any(epoch <= other for other in self.epochs()):
            raise ValueError(f"expected an epoch after {self.epochs()[-1]}, received {epoch}")
        file = f"epoch_{epoch:03d}.safetensors"
        entries = {name: self._entry(name, array, file) for name, array in weights.items()}
        if changed := {n: array for n, array in weights.items() if entries[n].file == file}:
            tensors.write(self.folder / file, changed)
        rows = [asdict(entry) for entry in entries.values()]
        body = format_version.stamp({"epoch": epoch, "tensors": rows})
        atomic_files.write_lines(self._path(epoch), {**body, "sha256": atomic_files.checksum(body)})
        self._entries, self._weights = entries, weights

    def read(self, epoch: int) -> Weights:
        """Read an epoch, in the order in which it was written.

        Raises:
            ConfigError: names each file that is not what was written.
        """
        entries = self.index(epoch)
        weights: Weights = {}
        problems = []
        for file, entries_of_file in _by_file(entries.values()).items():
            arrays, file_problems = self._read_file(file, entries_of_file)
            weights |= arrays
            problems += file_problems
        if problems:
            raise ConfigError(problems)
        return {name: weights[name] for name in entries}

    def resume(self, epoch: int) -> Weights:
        """Remove what is later than an epoch, read it, and let the next epoch refer to its files.

        Raises:
            ConfigError: it is missing or damaged; the next epoch then refers to no other file.
        """
        self._entries, self._weights = {}, {}
        self.drop(other for other in self.epochs() if other > epoch)
        weights = self.read(epoch)
        self._entries, self._weights = self.index(epoch), weights
        return weights

    def drop(self, epochs: Iterable[int]) -> None:
        """Remove epochs, but no tensor that another refers to. May be killed at any point."""
        latest_first = sorted(epochs, reverse=True)
        atomic_files.remove(self._path(epoch) for epoch in latest_first)
        self._remove_unreferenced()

    def index(self, epoch: int) -> dict[str, TensorEntry]:
        """Return an epoch's tensors by name, without reading them.

        Raises:
            ConfigError: the index is missing, not what was written, or a newer trainer's.
        """
        path = self._path(epoch)
        try:
            data = json.loads(path.read_text())
            format_version.check(data, path)
            if data.pop("sha256") != atomic_files.checksum(data) or data["epoch"] != epoch:
                raise ValueError("its checksum or number does not match")
            entries = [_entry_of(row) for row in data["tensors"]]
        except FileNotFoundError:
            stored = ", ".join(map(str, self.epochs())) or "none"
            raise ConfigError([f"{path}: expected a stored epoch: {stored}"]) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError([f"{path}: expected the index as it was written ({error})"]) from None
        return {entry.name: entry for entry in entries}

    def problems(self) -> list[str]:
        """Read every tensor once; return what is not as written, and files that no index names."""
        entries, problems = self._referenced()
        for file, entries_of_file in _by_file(entries).items():
            problems += self._read_file(file, entries_of_file)[1]
        if not problems:
            problems = [
                f"{path}: expected only tensors that an index names, received more"
                for path, _ in self._unreferenced(entries)
            ]
        return problems

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:03d}.json"

    def _entry(self, name: str, array: NDArray[np.generic], file: str) -> TensorEntry:
        entry, before = self._entries.get(name), self._weights.get(name)
        if entry and before is not None and tensors.alike(before, array):
            return entry
        return TensorEntry(name, file, tensors.sha256(array), array.shape, array.dtype.name)

    def _read_file(self, file: str, entries: Collection[TensorEntry]) -> tuple[Weights, list[str]]:
        """Read entries of one file; return its tensors, and what is not as the entries say."""
        path = self.folder / file
        if not _FILE.fullmatch(file):
            return {}, [f"{self.folder}: expected file names of snapshots, received {file}"]
        try:
            weights = tensors.read(path, {entry.name for entry in entries})
        except ConfigError as error:
            return {}, list(error.problems)
        names = [entry.name for entry in entries if not _matches(entry, weights.get(entry.name))]
        if not names:
            return weights, []
        problem = f"expected the tensors that its index describes, these differ: {shorten(names)}"
        return weights, [f"{path}: {problem}"]

    def _referenced(self) -> tuple[list[TensorEntry], list[str]]:
        """Return the entries of all indexes, each tensor once, and which indexes are damaged."""
        entries: dict[TensorEntry, None] = {}
        problems: list[str] = []
        for epoch in self.epochs():
            try:
                entries |= dict.fromkeys(self.index(epoch).values())
            except ConfigError as error:
                problems += error.problems
        return list(entries), problems

    def _unreferenced(self, entries: Iterable[TensorEntry]) -> Iterator[tuple[Path, set[str]]]:
        """Yield the files that hold more than the entries name, with the names that are needed."""
        by_file = _by_file(entries)
        for path in sorted(self.folder.glob("epoch_*.safetensors")):
            needed = {entry.name for entry in by_file.get(path.name, ())}
            stored: set[str] = set()
            with suppress(ConfigError):  # a damaged file is left as it is, for a read to report it
                stored = set(tensors.names(path))
            if not needed or needed < stored:
                yield path, needed

    def _remove_unreferenced(self) -> None:
        """Remove the tensors that no index names."""
        entries, problems = self._referenced()
        if problems:  # it is unknown what a damaged index named, so nothing is removed
            log.warning("warning: snapshots take more space than they need: %s", problems[0])
            return
        unneeded = []
        for path, needed in self._unreferenced(entries):
            if needed:
                tensors.write(path, tensors.read(path, needed))
            else:
                unneeded.append(path)
        atomic_files.remove(unneeded)


def _entry_of(row: dict[str, Any]) -> TensorEntry:
    shape = tuple(int(length) for length in row["shape"])
    return TensorEntry(
        str(row["name"]), str(row["file"]), str(row["sha256"]), shape, str(row["dtype"])
    )


def _by_file(entries: Iterable[TensorEntry]) -> dict[str, list[TensorEntry]]:
    by_file: dict[str, list[TensorEntry]] = {}
    for entry in entries:
        by_file.setdefault(entry.file, []).append(entry)
    return by_file


def _matches(entry: TensorEntry, array: NDArray[np.generic] | None) -> bool:
    if array is None:
        return False
    received = array.shape, array.dtype.name, tensors.sha256(array)
    return received == (entry.shape, entry.dtype, entry.sha256)

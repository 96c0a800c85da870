"""Checkpoints: the ones a run keeps, listed with their checksums in an index."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoint import checkpoint
from trainer.checkpoint.checkpoint import Checkpoint, CorruptCheckpoint
from trainer.core import atomic_files

_INDEX = "index.json"
_LAST = 2  # kept, so that there is one more if the last is found damaged


@dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint in the index.

    Attributes:
        name: of its folder.
        sha256: of its record, which holds those of its other files.
        metric: what the best is chosen by, the less the better; None: it was not measured here.
    """

    name: str
    sha256: str
    metric: float | None = None


def keep(
    folder: Path,
    new: Checkpoint,
    metric: float | None = None,
    after: str | None = None,
    like: str = "",
) -> None:
    """Write a checkpoint, list it, and let go of what need not be kept.

    Kept are the last two and the one with the least ``metric``. A kill at any moment leaves an
    index all of whose checkpoints are there.

    Args:
        folder: of all checkpoints.
        new: the checkpoint.
        metric: see ``Entry``.
        after: name of the one before, beyond which all was refused; None: the last that is listed.
        like: see ``checkpoint.write``.
    """
    entries = [entry for entry in _entries(folder)[0] if entry.name < new.name]
    if after is not None:
        entries = [entry for entry in entries if entry.name <= after]
    entries.append(CheckpointEntry(new.name, checkpoint.write(folder, new, like), metric))
    kept = [e for e in entries if e in entries[-_LAST:] or e == _best(entries)]
    _write_index(folder, kept)
    _tidy(folder, kept)


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the last sound checkpoint, None if there is none, and why later ones are refused."""
    entries, refused = _entries(folder)
    for entry in reversed(entries):
        try:
            return _read(folder, entry), refused
        except CorruptCheckpoint as unsound:
            refused.append(str(unsound))
    return None, refused


def problems(folder: Path) -> list[str]:
    """Read every listed checkpoint; return what is not as it was written."""
    entries, found = _entries(folder)
    for entry in entries:
        try:
            _read(folder, entry)
        except CorruptCheckpoint as unsound:
            found.append(str(unsound))
    return found


def _read(folder: Path, entry: CheckpointEntry) -> Checkpoint:
    return checkpoint.read(folder / entry.name, entry.sha256 or None)


def best(folder: Path) -> Path | None:
    """Return the folder of the best checkpoint, None if none was measured."""
    found = _best(_entries(folder)[0])
    return folder / found.name if found else None


def _best(entries: list[CheckpointEntry]) -> CheckpointEntry | None:
    measured = [entry for entry in entries if entry.metric is not None]
    return min(measured, key=lambda entry: entry.metric or 0.0, default=None)


def _entries(folder: Path) -> tuple[list[CheckpointEntry], list[str]]:
    """Return what the index lists; without a sound one, what folders there are."""
    path = folder / _INDEX
    try:
        found: Any = json.loads(path.read_text())
        return [CheckpointEntry(**entry) for entry in found["kept"]], []
    except FileNotFoundError:
        problems = []
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems = [f"{path}: expected an index of checkpoints, received {error!r}"]
    names = sorted(p.name for p in folder.glob("epoch_*_step_*"))
    return [CheckpointEntry(name, "") for name in names], problems


def _write_index(folder: Path, entries: list[CheckpointEntry]) -> None:
    atomic_files.write_json(folder / _INDEX, {"kept": [asdict(entry) for entry in entries]})


def _tidy(folder: Path, kept: list[CheckpointEntry]) -> None:
    names = {entry.name for entry in kept}
    for path in folder.glob("epoch_*_step_*"):
        if path.name not in names:
            shutil.rmtree(path)

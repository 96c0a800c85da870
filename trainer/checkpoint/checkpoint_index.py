"""Checkpoint index: the checkpoints that a run retains, listed with their checksums."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoint import checkpoint
from trainer.checkpoint.checkpoint import Checkpoint, CorruptCheckpoint
from trainer.config.evaluation import LOSS
from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.engine.progress import Progress

_INDEX = "index.json"
_RETAINED = 2  # the latest, and one more in case that is found damaged


@dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint in the index.

    Attributes:
        name: of its folder.
        sha256: of its record, which holds those of its other files.
        metric: by which the best is chosen, the lowest; None if it was not measured here.
        monitor: the name of its value, ``checkpoint.best``; a resume may have changed it.
    """

    name: str
    sha256: str
    metric: float | None = None
    monitor: str | None = None


def save(
    folder: Path,
    new: Checkpoint,
    metric: float | None = None,
    after: str | None = None,
    like: str = "",
) -> None:
    """Write a checkpoint, list it, and remove those that are no longer needed.

    Retained are the last two, of those with this one's monitor the one with the lowest ``metric``,
    and those to which the run may return. If the process is killed, at whatever moment, all that
    the index lists exist.

    Args:
        folder: of all checkpoints.
        new: the checkpoint.
        metric: see ``CheckpointEntry``.
        after: name of the checkpoint that precedes it; those listed after that one were refused and
            are removed. None: the last one listed.
        like: see ``checkpoint.write``.
    """
    entries = [entry for entry in _entries(folder)[0] if entry.name < new.name]
    if after is not None:
        entries = [entry for entry in entries if entry.name <= after]
    sha256, monitor = checkpoint.write(folder, new, like), _monitor(new.settings)
    entries.append(CheckpointEntry(new.name, sha256, metric, monitor))
    retained = _retained(entries, _best(entries, monitor), new)
    _write_index(folder, retained)
    _remove_others(folder, retained)


def _retained(
    entries: list[CheckpointEntry], best_entry: CheckpointEntry | None, new: Checkpoint
) -> list[CheckpointEntry]:
    """Return the last entries, the best, and those to which a run with phases may return."""
    moments = new.phases.get("protected", ())
    protected = [checkpoint.name_of(Progress(*moment)) for moment in moments]
    last = entries[-_RETAINED:]
    return [e for e in entries if e in last or e == best_entry or e.name in protected]


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the last sound checkpoint, None if there is none, and why later ones are refused.

    Raises:
        ConfigError: a newer trainer has written the index or a checkpoint.
    """
    entries, refused = _entries(folder)
    for entry in reversed(entries):
        try:
            return _read(folder, entry), refused
        except CorruptCheckpoint as error:
            refused.append(str(error))
    return None, refused


def last_versions(folder: Path) -> Mapping[str, str]:
    """Return the versions that the last checkpoint records; none if it cannot be read."""
    with suppress(OSError, ValueError, KeyError, IndexError, ConfigError):
        record = json.loads((folder / _entries(folder)[0][-1].name / checkpoint.RECORD).read_text())
        return dict(record["versions"])
    return {}


def problems(folder: Path) -> list[str]:
    """Read every listed checkpoint; return which files are not as they were written."""
    try:
        entries, found = _entries(folder)
    except ConfigError as error:
        return list(error.problems)
    for entry in entries:
        try:
            _read(folder, entry)
        except CorruptCheckpoint as error:
            found.append(str(error))
        except ConfigError as error:
            found += error.problems
    return found


def _read(folder: Path, entry: CheckpointEntry) -> Checkpoint:
    return checkpoint.read(folder / entry.name, entry.sha256 or None)


def best(folder: Path, monitor: str | None = None, until: Progress | None = None) -> Path | None:
    """Return the folder of the best checkpoint, None if none was measured.

    Args:
        folder: of all checkpoints.
        monitor: the value that decides; None: that of the last checkpoint.
        until: the last moment that counts: a run that resumes has later ones that were refused.
    """
    last = checkpoint.name_of(until) if until else None
    entries = [e for e in _entries(folder)[0] if last is None or e.name <= last]
    entry = _best(entries, monitor or entries[-1].monitor) if entries else None
    return folder / entry.name if entry else None


def _best(entries: list[CheckpointEntry], monitor: str | None) -> CheckpointEntry | None:
    measured = [e for e in entries if e.metric is not None and e.monitor == monitor]
    return min(measured, key=lambda entry: entry.metric or 0.0, default=None)


def _entries(folder: Path) -> tuple[list[CheckpointEntry], list[str]]:
    """Return what the index lists; if it cannot be read, the folders that exist, and why."""
    path = folder / _INDEX
    try:
        index = json.loads(path.read_text())
        format_version.check(index, path)
        return [_entry(folder, entry) for entry in index["kept"]], []
    except FileNotFoundError:
        refused = []
    except (OSError, ValueError, KeyError, TypeError) as error:
        refused = [f"{path}: expected an index of checkpoints, received {error!r}"]
    names = sorted(p.name for p in folder.glob("epoch_*_step_*"))
    return [CheckpointEntry(name, "") for name in names], refused


def _entry(folder: Path, row: Mapping[str, Any]) -> CheckpointEntry:
    """Return an entry; one that an older trainer wrote has the monitor of its checkpoint."""
    if "monitor" in row:
        return CheckpointEntry(**row)
    monitor: str | None = LOSS
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged: found later
        record = json.loads((folder / row["name"] / checkpoint.RECORD).read_text())
        monitor = _monitor(record["settings"])
    return CheckpointEntry(**row, monitor=monitor)


def _monitor(settings: Mapping[str, Any]) -> str | None:
    """Return ``checkpoint.best`` of recorded settings."""
    name = settings.get("checkpoint", {}).get("best", LOSS)
    return None if name is None else str(name)


def _write_index(folder: Path, entries: list[CheckpointEntry]) -> None:
    index = {"kept": [asdict(entry) for entry in entries]}
    atomic_files.write_json(folder / _INDEX, format_version.stamp(index))


def _remove_others(folder: Path, retained: list[CheckpointEntry]) -> None:
    names = {entry.name for entry in retained}
    for path in folder.glob("epoch_*_step_*"):
        if path.name not in names:
            shutil.rmtree(path)

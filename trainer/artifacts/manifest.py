"""Manifest: the hashes of a run's files, by which a later change of one of them is found.

It leaves out train.log and status.json, which are written after it; the lock, which is empty; the
tensors of snapshots, whose own indexes hold their hashes; and whatever other commands and people
put into the folder. Needs no MindSpore.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.run_files import (
    CHECKPOINTS,
    CLASS_NAMES,
    CLASS_WEIGHTS,
    COSTS,
    DATA,
    EMA,
    HYDRA,
    INITIAL,
    LOCK,
    MANIFEST,
    METRICS,
    MODEL,
    PICTURES,
    PLAN,
    PROOF,
    RESULT,
    SKIPPED,
    SNAPSHOTS,
)

# What a run itself writes at the top of its folder.
_WRITTEN = {
    HYDRA,
    CHECKPOINTS,
    SNAPSHOTS,
    PLAN,
    INITIAL,
    CLASS_NAMES,
    CLASS_WEIGHTS,
    PROOF,
    METRICS,
    RESULT,
    MODEL,
    EMA,
    COSTS,
    DATA,
    SKIPPED,
    *PICTURES,
}


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was written.

    Attributes:
        done: whether the run came to its end.
        resumed: whether it was resumed from a checkpoint.
        files: SHA-256 by the files' relative paths.
        checksum: of the manifest itself.
    """

    done: bool
    resumed: bool
    files: dict[str, str]
    checksum: str


def write(run: Path, done: bool, resumed: bool = False) -> str:
    """Write the manifest of a run's folder; return its checksum. See ``Manifest``."""
    files = [
        {"file": name, "sha256": atomic_files.digest(run / name)} for name in covered_files(run)
    ]
    body = format_version.stamp({"done": done, "resumed": resumed, "files": files})
    checksum = atomic_files.checksum(body)
    atomic_files.write_lines(run / MANIFEST, {**body, "sha256": checksum})
    return checksum


def covered_files(run: Path) -> list[str]:
    """Return the paths of the files that belong in the manifest, relative to the run's folder."""
    return sorted(str(path.relative_to(run)) for path in _covered(run))


def _covered(run: Path) -> Iterator[Path]:
    for path in run.rglob("*"):
        name = path.relative_to(run)
        is_tensors = name.parts[0] == SNAPSHOTS and path.suffix != ".json"
        is_covered = name.parts[0] in _WRITTEN and name.as_posix() != LOCK and not is_tensors
        if is_covered and path.is_file():
            yield path


def read(run: Path) -> Manifest | None:
    """Return a run's manifest; None if there is none, or if it is not as it was written.

    Raises:
        ConfigError: a newer trainer has written it.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        data = json.loads((run / MANIFEST).read_text())
        format_version.check(data, run / MANIFEST)
        checksum = str(data.pop("sha256"))
        hashes = {str(row["file"]): str(row["sha256"]) for row in data["files"]}
        if checksum == atomic_files.checksum(data):
            return Manifest(bool(data["done"]), bool(data["resumed"]), hashes, checksum)
    return None


def read_or_none(run: Path) -> Manifest | None:
    """Return a run's manifest; None if it cannot be read, which ``problems`` explains."""
    with suppress(ConfigError):
        return read(run)
    return None


def problems(run: Path) -> list[str]:
    """Return which files of a run differ from the manifest.

    A file that the manifest does not list is no problem, unless it is a snapshot: that would be
    taken for one of the run's.
    """
    path = run / MANIFEST
    if not path.is_file():
        return [
            f"{path}: expected, received none: the run is still going, was killed, or someone has "
            "removed it"
        ]
    try:
        manifest = read(run)
    except ConfigError as error:
        return list(error.problems)
    if manifest is None:
        return [f"{path}: expected the list of files as the run wrote it"]
    return [f"{run / name}: expected {problem}" for name, problem in _differences(run, manifest)]


def _differences(run: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield each file that differs with what was expected of it."""
    present = covered_files(run)
    for name, sha256 in manifest.files.items():
        if name not in present:
            yield name, "as the run left it, received none"
        elif atomic_files.digest(run / name) != sha256:
            yield name, "as the run left it, received different content"
    for name in present:
        if name not in manifest.files and name.startswith(f"{SNAPSHOTS}/"):
            yield name, "none, because the run left none"

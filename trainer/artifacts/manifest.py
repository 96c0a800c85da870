"""Manifest: the hashes of a run's files, by which a later change of one of them is found out.

Not in it: train.log and status.json, which are still written to, the lock, which is empty, the
tensors of snapshots, which are hashed in their own indexes, and what other commands and people put
beside them, before a run goes on, say. Needs no MindSpore.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainer.core import atomic_files as files
from trainer.core.run_files import (
    CHECKPOINTS,
    COSTS,
    HYDRA,
    INITIAL,
    LOCK,
    MANIFEST,
    METRICS,
    MODEL,
    PICTURES,
    PLAN,
    PROOF,
    SNAPSHOTS,
)

# By a run, at the top of its folder.
_WRITTEN = {HYDRA, CHECKPOINTS, SNAPSHOTS, PLAN, INITIAL, PROOF, METRICS, MODEL, COSTS, *PICTURES}


def write(run: Path, done: bool, resumed: bool = False) -> str:
    """Write the manifest of a run's folder; return its checksum.

    Args:
        run: the folder.
        done: whether the run came to its end.
        resumed: whether it went on from a checkpoint.
    """
    body = {
        "done": done,
        "resumed": resumed,
        "files": [{"file": name, "sha256": files.digest(run / name)} for name in names(run)],
    }
    checksum = files.checksum(body)
    files.write_lines(run / MANIFEST, {**body, "sha256": checksum})
    return checksum


def names(run: Path) -> list[str]:
    """Return the paths of the files that belong in the manifest, relative to the run's folder."""
    return sorted(str(path.relative_to(run)) for path in _covered(run))


def _covered(run: Path) -> Iterator[Path]:
    for path in run.rglob("*"):
        name = path.relative_to(run)
        tensors = name.parts[0] == SNAPSHOTS and path.suffix != ".json"
        mine = name.parts[0] in _WRITTEN and name.as_posix() != LOCK and not tensors
        if mine and path.is_file():
            yield path


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was written: hashes by the files' relative paths."""

    done: bool
    resumed: bool
    files: dict[str, str]
    checksum: str


def read(run: Path) -> Manifest | None:
    """Return a run's manifest; None if there is none, or not as it was written."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        data = json.loads((run / MANIFEST).read_text())
        given = str(data.pop("sha256"))
        hashes = {str(row["file"]): str(row["sha256"]) for row in data["files"]}
        if given == files.checksum(data):
            return Manifest(bool(data["done"]), bool(data["resumed"]), hashes, given)
    return None


def problems(run: Path) -> list[str]:
    """Return which files of a run are not as it left them; one more than there were is no problem.

    But a snapshot more is, for it would be taken for one of the run's.
    """
    path = run / MANIFEST
    if not path.is_file():
        return [
            f"{path}: expected, received none: the run goes on, was killed, or someone took it away"
        ]
    manifest = read(run)
    if manifest is None:
        return [f"{path}: expected the list of files as the run wrote it"]
    given = manifest.files
    there = names(run)
    found = [f"{run / name}: expected, received none" for name in given if name not in there]
    found += [
        f"{run / name}: expected as the run left it, received another"
        for name in there
        if name in given and files.digest(run / name) != given[name]
    ]
    more = [n for n in there if n not in given and n.startswith(f"{SNAPSHOTS}/")]
    return found + [f"{run / name}: expected none, for the run left none" for name in more]

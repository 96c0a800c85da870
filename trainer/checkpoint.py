"""Checkpoint: all that a run needs to go on from where it was, in a folder of its own."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from trainer import files, tensors, world
from trainer.progress import Progress
from trainer.tensors import Weights

_FORMAT = 2
_READ = 1, 2  # format 1 has no file for what is frozen
_WEIGHTS = "weights.safetensors"
_FROZEN = "frozen.safetensors"
_STATE = "state.safetensors"
RECORD = "checkpoint.json"


class Unsound(Exception):
    """A file is not what was written; the message names it, and says what was expected."""


@dataclass(frozen=True)
class Checkpoint:
    """A run at a step's end.

    Attributes:
        progress: how far it has come.
        weights: the net's parameters by dotted path.
        state: the optimizer's state by parameter name, the loss scale, the count of dropout.
        frozen: SHA-256 of each frozen tensor, as the proof has it.
        plan: the resolved plan as plain data.
        settings: the settings as plain data.
        batches: batches an epoch.
        versions: of what computes, by name.
    """

    progress: Progress
    weights: Weights
    state: Weights
    frozen: Mapping[str, str]
    plan: Mapping[str, Any]
    settings: Mapping[str, Any]
    batches: int
    versions: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of its folder; they sort by progress."""
        return f"epoch_{self.progress.epochs:05d}_step_{self.progress.steps:08d}"


def write(folder: Path, checkpoint: Checkpoint, like: str = "") -> str:
    """Write a checkpoint beneath ``folder``, whole; return the SHA-256 of its record.

    The record holds the SHA-256 of the other files, so that it stands for all of them.

    Args:
        folder: of all checkpoints.
        checkpoint: what to write.
        like: name of one that is known to be sound. If the same is frozen in it, the two share one
            file on the disk for that, so that what is frozen costs neither time nor room.
    """
    with files.whole_folder(folder / checkpoint.name) as partial:
        frozen, free = _parted(checkpoint)
        tensors.write(partial / _WEIGHTS, free)
        tensors.write(partial / _STATE, checkpoint.state)
        sums = {name: files.digest(partial / name) for name in (_WEIGHTS, _STATE)}
        if frozen:
            shared = _share(folder / like, partial, checkpoint) if like else None
            if shared is None:
                tensors.write(partial / _FROZEN, frozen)
            sums[_FROZEN] = shared or files.digest(partial / _FROZEN)
        record = {
            "format": _FORMAT,
            "name": checkpoint.name,
            "progress": asdict(checkpoint.progress),
            "batches": checkpoint.batches,
            "versions": checkpoint.versions,
            "sha256": sums,
            "frozen": checkpoint.frozen,
            "settings": checkpoint.settings,
            "plan": checkpoint.plan,
        }
        files.write_json(partial / RECORD, record)
        return files.digest(partial / RECORD)


def _parted(checkpoint: Checkpoint) -> tuple[Weights, Weights]:
    """Return what is frozen, and the other weights."""
    frozen = {n: array for n, array in checkpoint.weights.items() if n in checkpoint.frozen}
    return frozen, {n: array for n, array in checkpoint.weights.items() if n not in frozen}


def _share(other: Path, partial: Path, checkpoint: Checkpoint) -> str | None:
    """Link the file of another that holds the same; return its SHA-256, None: there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # some file systems have no links
        record = json.loads((other / RECORD).read_text())
        if record["frozen"] == checkpoint.frozen:
            found = str(record["sha256"][_FROZEN])
            os.link(other / _FROZEN, partial / _FROZEN)
            return found
    return None


def read(folder: Path, expected: str | None = None) -> Checkpoint:
    """Read a checkpoint's own folder.

    Args:
        folder: the checkpoint's.
        expected: SHA-256 of its record; None: not known, so that it is taken on trust.

    Raises:
        Unsound: a file is missing, cut short, changed, or belongs elsewhere.
    """
    path = folder / RECORD
    if expected is not None:
        _expect(path, expected)
    try:
        record = json.loads(path.read_text())
        if record["format"] not in _READ or record["name"] != folder.name:
            raise Unsound(f"{path}: expected format {_FORMAT} of {folder.name}")
        for name in {_WEIGHTS, _STATE, *record["sha256"]}:
            _expect(folder / name, record["sha256"][name])
        return Checkpoint(
            Progress(**record["progress"]),
            weights(folder),
            dict(load_file(folder / _STATE)),
            record["frozen"],
            record["plan"],
            record["settings"],
            record["batches"],
            record["versions"],
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise Unsound(f"{path}: expected a checkpoint's record, received {error!r}") from None


def weights(folder: Path) -> Weights:
    """Return the weights of a checkpoint's own folder, which are not compared with its record.

    Raises:
        Mistake: see ``tensors.read``.
    """
    found = [folder / name for name in (_FROZEN, _WEIGHTS)]
    return {n: array for path in found if path.exists() for n, array in tensors.read(path).items()}


def versions() -> dict[str, str]:
    """Return what may make a difference to the last bit: programs, processor, ranks."""
    named = ("mindspore", "numpy")
    return {
        **{name: importlib.metadata.version(name) for name in named},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "instruction set": os.environ.get("ONEDNN_MAX_CPU_ISA", "native"),
        "ranks": str(world.current().ranks),
    }


def _expect(path: Path, expected: str) -> None:
    try:
        received = files.digest(path)
    except OSError as error:
        raise Unsound(f"{path}: {error.strerror}") from None
    if received != expected:
        raise Unsound(f"{path}: expected SHA-256 {expected[:12]}…, received {received[:12]}…")

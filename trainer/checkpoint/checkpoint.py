"""Checkpoint: all that a run needs to go on from where it was, in a folder of its own."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from trainer.core import atomic_files, tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.distributed import world
from trainer.engine.progress import Progress

_FORMAT = 2
_READ = 1, 2  # format 1 has no file for what is frozen
_WEIGHTS = "weights.safetensors"
_FROZEN = "frozen.safetensors"
_STATE = "state.safetensors"
RECORD = "checkpoint.json"


class CorruptCheckpoint(Exception):
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
        """Name of its folder."""
        return name_of(self.progress)


def name_of(progress: Progress) -> str:
    """Return the name of a checkpoint's folder; they sort by progress."""
    return f"epoch_{progress.epochs:05d}_step_{progress.steps:08d}"


def write(folder: Path, checkpoint: Checkpoint, like: str = "") -> str:
    """Write a checkpoint beneath ``folder``, whole; return the SHA-256 of its record.

    The record holds the SHA-256 of the other files, so that it stands for all of them.

    Args:
        folder: of all checkpoints.
        checkpoint: what to write.
        like: name of one that is known to be sound. If the same is frozen in it, the two share one
            file on the disk for that, so that what is frozen costs neither time nor room.
    """
    with atomic_files.atomic_write_folder(folder / checkpoint.name) as partial:
        held = checkpoint.weights.items()
        sums = {
            **_frozen(partial, checkpoint, folder / like if like else None),
            **_written(partial, _WEIGHTS, {n: a for n, a in held if n not in checkpoint.frozen}),
            **_written(partial, _STATE, checkpoint.state),
        }
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
        atomic_files.write_json(partial / RECORD, record)
        return atomic_files.digest(partial / RECORD)


def _written(partial: Path, name: str, held: Weights) -> dict[str, str]:
    """Write a file of a checkpoint; return its SHA-256 by its name."""
    tensors.write(partial / name, held)
    return {name: atomic_files.digest(partial / name)}


def _frozen(partial: Path, checkpoint: Checkpoint, other: Path | None) -> dict[str, str]:
    """Write what is frozen, or share the file of another checkpoint; nothing where nothing is."""
    held = {n: array for n, array in checkpoint.weights.items() if n in checkpoint.frozen}
    shared = _share(other, partial, checkpoint) if held and other else None
    if shared is not None:
        return {_FROZEN: shared}
    return _written(partial, _FROZEN, held) if held else {}


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
        CorruptCheckpoint: a file is missing, cut short, changed, or belongs elsewhere.
    """
    path = folder / RECORD
    if expected is not None:
        _expect(path, expected)
    try:
        record = json.loads(path.read_text())
        if record["format"] not in _READ or record["name"] != folder.name:
            raise CorruptCheckpoint(f"{path}: expected format {_FORMAT} of {folder.name}")
        for name in dict.fromkeys((_WEIGHTS, _STATE, *record["sha256"])):
            _expect(folder / name, record["sha256"][name])
        return Checkpoint(
            Progress(**record["progress"]),
            _weights(folder, record["sha256"]),
            dict(load_file(folder / _STATE)),
            record["frozen"],
            record["plan"],
            record["settings"],
            record["batches"],
            record["versions"],
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorruptCheckpoint(
            f"{path}: expected a checkpoint's record, received {error!r}"
        ) from None


def weights(folder: Path) -> Weights:
    """Return the weights of a checkpoint's own folder.

    Raises:
        ConfigError: a file is missing, cut short, changed, or belongs elsewhere.
    """
    try:
        return read(folder).weights
    except CorruptCheckpoint as unsound:
        raise ConfigError([str(unsound)]) from None


def _weights(folder: Path, listed: Collection[str]) -> Weights:
    found = [load_file(folder / name) for name in (_FROZEN, _WEIGHTS) if name in listed]
    return {name: array for held in found for name, array in held.items()}


def versions() -> dict[str, str]:
    """Return what may make a difference to the last bit: programs, processor, ranks."""
    named = ("mindspore", "numpy")
    return {
        **{name: importlib.metadata.version(name) for name in named},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "instruction set": os.environ.get("ONEDNN_MAX_CPU_ISA", "native"),
        "ranks": str(world.current().world_size),
    }


def _expect(path: Path, expected: str) -> None:
    try:
        received = atomic_files.digest(path)
    except OSError as error:
        raise CorruptCheckpoint(f"{path}: {error.strerror}") from None
    if received != expected:
        raise CorruptCheckpoint(
            f"{path}: expected SHA-256 {expected[:12]}…, received {received[:12]}…"
        )

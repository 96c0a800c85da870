"""Checkpoint: all that a run needs to resume, in a folder of its own."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from trainer.backend import instruction_set
from trainer.backend.convolutions import choice
from trainer.core import atomic_files, cpu_cores, format_version, tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.distributed import world
from trainer.engine.progress import Progress

_WEIGHTS = "weights.safetensors"
_FROZEN = "frozen.safetensors"  # absent if nothing is frozen, and in checkpoints of format 1
_STATE = "state.safetensors"
RECORD = "checkpoint.json"
CORES = "cores"
CONVOLUTIONS = "convolutions"


class CorruptCheckpoint(Exception):
    """A file is not what was written; the message names it and says what was expected."""


@dataclass(frozen=True)
class Checkpoint:
    """A run at the end of a step.

    Attributes:
        progress: how many epochs and steps are done.
        weights: the model's parameters by dotted path.
        state: the optimizer's state by parameter name, the loss scale, the count of dropout.
        frozen: SHA-256 of each frozen tensor, as the proof has it.
        plan: the resolved plan as plain data.
        settings: the settings as plain data.
        batches: the number of batches per epoch.
        versions: of the programs that compute, by name.
        data: hashes of the data (``trainer.data.fingerprint``); empty: not known.
        history: all evaluations so far as plain data; None: an older trainer wrote none.
        phases: where the run is among its phases, as plain data; empty: there is only one.
    """

    progress: Progress
    weights: Weights
    state: Weights
    frozen: Mapping[str, str]
    plan: Mapping[str, Any]
    settings: Mapping[str, Any]
    batches: int
    versions: Mapping[str, str]
    data: str = ""
    history: Sequence[Mapping[str, Any]] | None = None
    phases: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of its folder."""
        return name_of(self.progress)


def name_of(progress: Progress) -> str:
    """Return the name of a checkpoint's folder; these names sort by progress."""
    return f"epoch_{progress.epochs:05d}_step_{progress.steps:08d}"


def write(folder: Path, checkpoint: Checkpoint, like: str = "") -> str:
    """Write a checkpoint into ``folder`` atomically; return the SHA-256 of its record.

    The record holds the SHA-256 of the other files, so that its own hash stands for all of them.

    Args:
        folder: of all checkpoints.
        checkpoint: what to write.
        like: name of a checkpoint that is known to be sound. If it has the same frozen tensors, the
            two share one file on the disk for them, which then cost neither time nor space.
    """
    with atomic_files.atomic_write_folder(folder / checkpoint.name) as partial:
        hashes = _write_tensors(partial, checkpoint, folder / like if like else None)
        record = {
            "name": checkpoint.name,
            "progress": asdict(checkpoint.progress),
            "batches": checkpoint.batches,
            "versions": checkpoint.versions,
            "data": checkpoint.data,
            "history": checkpoint.history,
            **({"phases": checkpoint.phases} if checkpoint.phases else {}),
            "sha256": hashes,
            "frozen": checkpoint.frozen,
            "settings": checkpoint.settings,
            "plan": checkpoint.plan,
        }
        atomic_files.write_json(partial / RECORD, format_version.stamp(record))
        return atomic_files.digest(partial / RECORD)


def _write_tensors(partial: Path, checkpoint: Checkpoint, other: Path | None) -> dict[str, str]:
    """Write the tensors of a checkpoint; return the SHA-256 of each file by its name."""
    weights, frozen = checkpoint.weights, checkpoint.frozen
    trained = {name: array for name, array in weights.items() if name not in frozen}
    return {
        **_write_frozen(partial, checkpoint, other),
        **_write_file(partial, _WEIGHTS, trained),
        **_write_file(partial, _STATE, checkpoint.state),
    }


def _write_file(partial: Path, name: str, arrays: Weights) -> dict[str, str]:
    """Write a file of a checkpoint; return its SHA-256 by its name."""
    tensors.write(partial / name, arrays)
    return {name: atomic_files.digest(partial / name)}


def _write_frozen(partial: Path, checkpoint: Checkpoint, other: Path | None) -> dict[str, str]:
    """Write the frozen tensors, or share the file of another checkpoint; no file if none is."""
    frozen = {n: array for n, array in checkpoint.weights.items() if n in checkpoint.frozen}
    shared = _share_frozen(other, partial, checkpoint) if frozen and other else None
    if shared is not None:
        return {_FROZEN: shared}
    return _write_file(partial, _FROZEN, frozen) if frozen else {}


def _share_frozen(other: Path, partial: Path, checkpoint: Checkpoint) -> str | None:
    """Link the file of a checkpoint that holds the same; return its SHA-256, None if it cannot."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # some file systems have no links
        record = json.loads((other / RECORD).read_text())
        if record["frozen"] == checkpoint.frozen:
            sha256 = str(record["sha256"][_FROZEN])
            os.link(other / _FROZEN, partial / _FROZEN)
            return sha256
    return None


def read(folder: Path, expected: str | None = None) -> Checkpoint:
    """Read a checkpoint from its own folder.

    Args:
        folder: the checkpoint's.
        expected: SHA-256 of its record; None if it is unknown, so that the record is trusted.

    Raises:
        CorruptCheckpoint: a file is missing, truncated, changed, or of another checkpoint.
        ConfigError: a newer trainer has written it.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text())
        format_version.check(record, path)  # first: a newer trainer may have hashed it otherwise
        if expected is not None:
            _check_hash(path, expected)
        if record["name"] != folder.name:
            raise CorruptCheckpoint(f"{path}: expected the record of {folder.name}")
        return _load(folder, record)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CorruptCheckpoint(
            f"{path}: expected a checkpoint's record, received {error!r}"
        ) from None


def _load(folder: Path, record: Mapping[str, Any]) -> Checkpoint:
    """Check the hashes of the files that a record lists, and read them."""
    hashes = record["sha256"]
    for name in dict.fromkeys((_WEIGHTS, _STATE, *hashes)):
        _check_hash(folder / name, hashes[name])
    return Checkpoint(
        Progress(**record["progress"]),
        _load_weights(folder, hashes),
        dict(load_file(folder / _STATE)),
        record["frozen"],
        record["plan"],
        record["settings"],
        record["batches"],
        record["versions"],
        record.get("data", ""),  # older trainers did not write it
        record.get("history"),
        record.get("phases", {}),
    )


def _load_weights(folder: Path, names: Collection[str]) -> Weights:
    files = [load_file(folder / name) for name in (_FROZEN, _WEIGHTS) if name in names]
    return {name: array for arrays in files for name, array in arrays.items()}


def weights(folder: Path) -> Weights:
    """Return the weights of a checkpoint from its own folder.

    Raises:
        ConfigError: a file is missing, truncated, changed, or of another checkpoint, or a newer
            trainer has written it.
    """
    try:
        return read(folder).weights
    except CorruptCheckpoint as error:
        raise ConfigError([str(error)]) from None


def versions() -> dict[str, str]:
    """Return what may make a difference to the last bit: programs, processor, cores, ranks ...

    Kernels divide their sums among the cores that the process may use.
    """
    packages = ("mindspore", "numpy")
    return {
        **{name: importlib.metadata.version(name) for name in packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "instruction set": instruction_set.name(),
        CONVOLUTIONS: choice.name(),
        CORES: str(cpu_cores.used()),
        "ranks": str(world.current().world_size),
    }


def _check_hash(path: Path, expected: str) -> None:
    try:
        received = atomic_files.digest(path)
    except OSError as error:
        raise CorruptCheckpoint(f"{path}: {error.strerror}") from None
    if received != expected:
        raise CorruptCheckpoint(
            f"{path}: expected SHA-256 {expected[:12]}…, received {received[:12]}…"
        )

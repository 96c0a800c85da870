"""Source: the weights that ``init_from`` names, found and read."""

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Parameter
from numpy.typing import NDArray

from trainer.checkpoint import weights_ref
from trainer.checkpoint.pretrained import safetensors_files, sharded, torch_files
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import MODEL
from trainer.core.tensors import Weights

SAFETENSORS, CHECKPOINT, PYTORCH = "safetensors", "MindSpore checkpoint", "PyTorch checkpoint"
_SUFFIXES = {
    ".safetensors": SAFETENSORS,
    ".ckpt": CHECKPOINT,
    ".pth": PYTORCH,
    ".pt": PYTORCH,
    ".bin": PYTORCH,
}
_PACKAGE = "pkg://"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class WeightsSource:
    """Weights as a file holds them.

    Attributes:
        kind: ``safetensors``, ``MindSpore checkpoint`` or ``PyTorch checkpoint``.
        weights: arrays by the file's own names.
        notes: what was unwrapped or converted on the way.
        place: where they were read, for messages.
    """

    kind: str
    weights: Mapping[str, NDArray[np.generic]]
    notes: tuple[str, ...] = ()
    place: str = ""


def find(text: str, key: str | None = None) -> WeightsSource:
    """Return the weights that ``init_from`` names: ``RUN@EPOCH``, a checkpoint's folder, or a file.

    Args:
        text: the value of ``init_from``.
        key: which of the states in a PyTorch checkpoint is read.

    Raises:
        ConfigError: see ``weights_ref.find``, ``locate`` and ``read``.
    """
    path = Path(text).expanduser()
    is_snapshot = "@" in text and not text.startswith(_PACKAGE) and not path.exists()
    if is_snapshot or weights_ref.is_checkpoint(path):
        weights = weights_ref.find(text, "init_from").weights()
        _refuse_key(key, text)
        return WeightsSource(SAFETENSORS, weights, place=text)
    path = locate(text)
    return replace(read(path, key), place=str(path))


def locate(source: str) -> Path:
    """Return the file that ``init_from`` names: a path, a run's folder, or ``pkg://package/file``.

    Raises:
        ConfigError: there is no such file; the message offers those in the same folder.
    """
    if source.startswith(_PACKAGE):
        package, _, name = source.removeprefix(_PACKAGE).partition("/")
        try:
            path = Path(str(importlib.resources.files(package).joinpath(name)))
        except (ImportError, TypeError, ValueError):
            raise ConfigError([f"init_from: no package {package!r} ({source})"]) from None
    else:
        path = Path(source).expanduser()
    if path.is_dir():
        path = sharded.index_in(path) or path / MODEL
    if not path.is_file():
        siblings = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        names = [p.name for p in siblings if p.suffix in _SUFFIXES or sharded.is_index(p)]
        raise ConfigError([f"init_from: no file {path}{nearest(path.name, names)}"])
    return path


def read(path: Path, key: str | None = None) -> WeightsSource:
    """Read a file of weights, without running code from it.

    Args:
        path: the file, or the index of several.
        key: which of the states in a PyTorch checkpoint is read.

    Raises:
        ConfigError: its suffix is unknown, or its content is not what the suffix says.
    """
    if sharded.is_index(path):
        _refuse_key(key, path)
        arrays, notes = sharded.read(path, lambda shard: read(shard).weights)
        kind = _SUFFIXES[path.with_suffix("").with_suffix("").suffix]
        return WeightsSource(kind, arrays, notes)
    try:
        kind = _kind(path)
    except OSError as error:
        raise ConfigError([f"init_from: cannot read {path} ({error.strerror})"]) from None
    if kind == PYTORCH:
        arrays, torch_notes = torch_files.read(path, key)
        return WeightsSource(kind, arrays, tuple(torch_notes))
    _refuse_key(key, path)
    return WeightsSource(kind, _READERS[kind](path))


def _refuse_key(key: str | None, place: str | Path) -> None:
    if key:
        problem = f"expected null, because only a PyTorch checkpoint holds several states; {place}"
        raise ConfigError([f"init_key: {problem} is none; received {key!r}"])


def _kind(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        known = ", ".join([*_SUFFIXES, *sharded.INDEX_ENDINGS])
        raise ConfigError([f"init_from: expected a file named *{known}, received {path}"])
    with path.open("rb") as file:
        if path.suffix == ".ckpt" and file.read(len(_ZIP)) == _ZIP:
            return PYTORCH  # the suffix that PyTorch Lightning uses
    return _SUFFIXES[path.suffix]


def _checkpoint(path: Path) -> Weights:
    """Read a MindSpore checkpoint, which is a protobuf message: there is nothing to unpickle."""
    try:
        content = ms.load_checkpoint(str(path), crc_check=True)
    except (ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            [f"init_from: {path} is not a complete MindSpore checkpoint ({reason})"]
        ) from None
    tensors = {name: p for name, p in content.items() if isinstance(p, Parameter)}
    return {name: _array(parameter) for name, parameter in tensors.items()}


def _array(parameter: Parameter) -> NDArray[np.generic]:
    wide = parameter.astype(ms.float32) if parameter.dtype == ms.bfloat16 else parameter
    return np.array(wide.asnumpy())


_READERS = {SAFETENSORS: safetensors_files.read, CHECKPOINT: _checkpoint}

"""Safetensors: the weights alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mindspore import Tensor, nn

from trainer.artifacts.export_formats import Arrays, ExportFormat
from trainer.backend import host_copy
from trainer.core import tensors


def export_format() -> ExportFormat:
    """Return the format."""
    return ExportFormat(_write, _expected, _read, _annotate)


def _write(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    tensors.write(path, host_copy.to_numpy(model))


def _expected(model: nn.Cell, inputs: Sequence[Tensor]) -> Arrays:
    return [array for _, array in sorted(host_copy.to_numpy(model).items())]


def _read(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    return [array for _, array in sorted(tensors.read(path).items())]


def _annotate(path: Path, metadata: Mapping[str, str]) -> None:
    tensors.write(path, tensors.read(path), metadata)

"""ONNX: run by onnxruntime to check what was written."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn

from trainer.artifacts.export_formats import Arrays, ExportFormat, metadata
from trainer.artifacts.export_formats.model_outputs import model_outputs
from trainer.core import text
from trainer.core.errors import ConfigError


def export_format() -> ExportFormat:
    """Return the format."""
    return ExportFormat(_write, model_outputs, _run, metadata.append)


def _write(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    _onnxruntime()
    try:
        ms.onnx.export(model, *inputs, file_name=str(path))
    except RuntimeError as error:
        unknown = re.search(r"Exporting (\S+) operator is not yet supported", str(error))
        why = text.first_line(error)
        if unknown:
            why = f"{unknown[1]} is not supported by MindSpore's ONNX exporter"
        expected = "expected a model that MindSpore can write"
        raise ConfigError([f"format=onnx: {expected}, but {why}; try format=mindir"]) from None


def _run(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    session = _onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    arrays = [tensor.asnumpy() for tensor in inputs]
    outputs: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
    return outputs


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise ConfigError(
            [
                "format=onnx: expected the package onnxruntime, to check what is written; it is in "
                "the extra onnx: pip install 'freeze-trainer[onnx]'"
            ]
        ) from None
    return onnxruntime

"""ONNX: run by onnxruntime to check what was written."""

import importlib.util
import inspect
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn

from trainer.artifacts.export_formats import (
    Arrays,
    ExportFormat,
    FixedBatch,
    batch,
    metadata,
    run_onnx_file,
)
from trainer.artifacts.export_formats.model_outputs import model_outputs
from trainer.core.errors import ConfigError

_PACKAGES = ("onnx", "onnxruntime")


def export_format() -> ExportFormat:
    """Return the format."""
    script = inspect.getsource(run_onnx_file)
    return ExportFormat(_write, model_outputs, _run, metadata.append, _write_dynamic, script)


def _write(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    """Write a model for one batch size, by MindSpore's exporter where this one lacks an operator.

    Raises:
        ConfigError: neither has an operator, which is named.
    """
    _require_packages()
    from trainer.artifacts.onnx_writer.unsupported import Unsupported

    try:
        _save(_translated(model, inputs), path)
    except Unsupported as error:
        _write_by_mindspore(model, inputs, path, str(error))


def _write_dynamic(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    _require_packages()
    from trainer.artifacts.onnx_writer import batch_dimension
    from trainer.artifacts.onnx_writer.unsupported import Unsupported

    batches = [batch.resized(inputs, size) for size in batch_dimension.SIZES]
    try:
        graphs = [_translated(model, each) for each in batches]
        _save(batch_dimension.merge(graphs), path)
    except Unsupported as error:
        raise FixedBatch(str(error)) from None


def _translated(model: nn.Cell, inputs: Sequence[Tensor]) -> Any:
    """Return a model of ONNX, translated from the MindIR that MindSpore writes."""
    from trainer.artifacts.onnx_writer import mindir_graph, translate
    from trainer.artifacts.onnx_writer.unsupported import Unsupported

    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.mindir"
        ms.export(model, *inputs, file_name=str(path), file_format="MINDIR")
        if not path.is_file():
            raise Unsupported("a model above 1 GB")
        return translate.translate(mindir_graph.read(path))


def _save(graph: Any, path: Path) -> None:
    import onnx

    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def _write_by_mindspore(model: nn.Cell, inputs: Sequence[Tensor], path: Path, lacks: str) -> None:
    names = [f"input_{number}" for number in range(1, len(inputs) + 1)]
    names = ["input"] if len(inputs) == 1 else names
    try:
        ms.onnx.export(model, *inputs, file_name=str(path), input_names=names)
    except RuntimeError:
        expected = "expected a model that can be written in ONNX"
        received = f"received one with {lacks}, which has no exact translation"
        raise ConfigError([f"format=onnx: {expected}, {received}; try format=mindir"]) from None


def _run(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    onnxruntime = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    arrays = [tensor.asnumpy() for tensor in inputs]
    outputs: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
    return outputs


def _require_packages() -> None:
    """Check that the packages of the extra are installed.

    Raises:
        ConfigError: one is not.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        expected = f"expected the packages {' and '.join(_PACKAGES)}, received no {missing[0]}"
        extra = "they are in the extra onnx: pip install 'freeze-trainer[onnx]'"
        raise ConfigError([f"format=onnx: {expected}; {extra}"])

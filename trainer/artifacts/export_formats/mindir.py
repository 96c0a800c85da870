"""MindIR: MindSpore's own graph format."""

from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
from mindspore import Tensor, nn

from trainer.artifacts.export_formats import Arrays, ExportFormat, batch, metadata
from trainer.artifacts.export_formats.model_outputs import model_outputs


def export_format() -> ExportFormat:
    """Return the format."""
    return ExportFormat(_write, model_outputs, _run, metadata.append, _write_dynamic)


def _write(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    ms.export(model, *inputs, file_name=str(path), file_format="MINDIR")


def _write_dynamic(model: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    batch.size(inputs)
    symbolic = [Tensor(shape=[None, *each.shape[1:]], dtype=each.dtype) for each in inputs]
    _write(model, symbolic, path)


def _run(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    return model_outputs(nn.GraphCell(ms.load(str(path))), inputs)

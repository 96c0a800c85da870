"""Exported model: a MindIR or ONNX file as a function of arrays. Only MindIR needs MindSpore."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.core.text import first_line

SUFFIXES = (".mindir", ".onnx")


@dataclass(frozen=True)
class ExportedModel:
    """A model of one input.

    Attributes:
        shape: of the input, the batch first; an axis of any length is None.
        run: returns the output for an array.
    """

    shape: tuple[int | None, ...]
    run: Callable[[NDArray[Any]], Any]


def load(path: Path) -> ExportedModel:
    """Return the model of a file; for MindIR, a device has been selected.

    Raises:
        ConfigError: it cannot be loaded, or does not have one input.
    """
    try:
        return _onnx(path) if path.suffix == ".onnx" else _mindir(path)
    except ConfigError:
        raise
    except Exception as error:  # onnxruntime's have no common class
        expected = f"expected a model of one input that {path.suffix[1:]} can load"
        raise ConfigError([f"{path}: {expected} ({first_line(error)})"]) from None


def _onnx(path: Path) -> ExportedModel:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        expected = "expected the package onnxruntime, which is in the extra onnx"
        raise ConfigError([f"{path}: {expected}: pip install 'freeze-trainer[onnx]'"]) from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (inputs,) = session.get_inputs()

    def run(array: NDArray[Any]) -> Any:
        outputs = session.run(None, {inputs.name: array})
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return ExportedModel(_lengths(inputs.shape), run)


def _mindir(path: Path) -> ExportedModel:
    import mindspore as ms
    from mindspore.train import mind_ir_pb2

    record = mind_ir_pb2.ModelProto()
    record.ParseFromString(path.read_bytes())
    (inputs,) = record.graph.input
    shape = _lengths(inputs.tensor[0].dims)
    del record  # it has all weights
    cell = ms.nn.GraphCell(ms.load(str(path)))

    def run(array: NDArray[Any]) -> Any:
        output = cell(ms.Tensor.from_numpy(np.ascontiguousarray(array)))
        return output.asnumpy() if isinstance(output, ms.Tensor) else output

    return ExportedModel(shape, run)


def _lengths(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in shape)

"""Formats: a net written for use elsewhere, and read back as its user would read it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend import host_copy
from trainer.core import tensors, text
from trainer.core.errors import ConfigError

Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class ExportFormat:
    """A file format.

    Attributes:
        write: makes a file of a net, for inputs of the given shapes.
        wanted: gives what the file should give back.
        received: gives what it does.
    """

    write: Callable[[nn.Cell, Sequence[Tensor], Path], None]
    wanted: Callable[[nn.Cell, Sequence[Tensor]], Arrays]
    received: Callable[[Path, Sequence[Tensor]], Arrays]


def _outputs(net: nn.Cell, inputs: Sequence[Tensor]) -> Arrays:
    return [tensor.asnumpy() for tensor in _flat(net(*inputs))]


def _flat(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    else:
        for part in output:
            yield from _flat(part)


def _write_mindir(net: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    ms.export(net, *inputs, file_name=str(path), file_format="MINDIR")


def _run_mindir(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    return _outputs(nn.GraphCell(ms.load(str(path))), inputs)


def _write_onnx(net: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    _onnxruntime()
    try:
        ms.onnx.export(net, *inputs, file_name=str(path))
    except RuntimeError as error:
        unknown = re.search(r"Exporting (\S+) operator is not yet supported", str(error))
        why = f"it cannot say {unknown[1]} in ONNX" if unknown else text.first_line(error)
        raise ConfigError(
            [f"format=onnx: expected a net that MindSpore can write, but {why}; try format=mindir"]
        ) from None


def _run_onnx(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    session = _onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    arrays = [tensor.asnumpy() for tensor in inputs]
    found: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
    return found


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


def _write_safetensors(net: nn.Cell, inputs: Sequence[Tensor], path: Path) -> None:
    tensors.write(path, host_copy.to_numpy(net))


def _tensors(net: nn.Cell, inputs: Sequence[Tensor]) -> Arrays:
    return [array for _, array in sorted(host_copy.to_numpy(net).items())]


def _read_safetensors(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    return [array for _, array in sorted(tensors.read(path).items())]


FORMATS = {
    "mindir": ExportFormat(_write_mindir, _outputs, _run_mindir),
    "onnx": ExportFormat(_write_onnx, _outputs, _run_onnx),
    "safetensors": ExportFormat(_write_safetensors, _tensors, _read_safetensors),
}

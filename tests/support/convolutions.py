"""Runs many kinds of convolution, and BatchNorm, and writes outputs and gradients into a file.

A process of its own: ``python -m tests.support.convolutions RESULTS.npz graph|pynative [LIBRARY]``.
oneDNN reads its instruction set before its first primitive. With the library, the convolutions are
blocked; the last line of the output is then what the library counted, as JSON.
"""

import ctypes
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from trainer.backend.device import load_numpy_interface

COUNTS = ("made", "left_plain", "executed", "executed_plain", "scratch")


def conv2d(channels: int, filters: int, kernel: int, **options: Any) -> nn.Cell:
    padding = options.pop("padding", 0)
    mode = options.pop("mode", "pad")
    bias = options.pop("bias", False)
    return nn.Conv2d(
        channels, filters, kernel, pad_mode=mode, padding=padding, has_bias=bias, **options
    )


def kinds() -> dict[str, tuple[nn.Cell, tuple[int, ...]]]:
    """Each kind's cell and the shape of its input."""
    return {
        "3x3": (conv2d(8, 16, 3, padding=1), (4, 8, 6, 6)),
        "strided": (conv2d(8, 16, 3, stride=2, padding=1), (4, 8, 6, 6)),
        "1x1 strided": (conv2d(8, 16, 1, stride=2), (4, 8, 7, 7)),
        "1x1 bias": (conv2d(5, 7, 1, bias=True), (4, 5, 6, 6)),
        "many channels": (conv2d(512, 64, 3, padding=1), (4, 512, 2, 2)),
        "7x7 of an image": (conv2d(3, 8, 7, stride=2, padding=3), (2, 3, 32, 32)),
        "depthwise": (conv2d(32, 32, 3, padding=1, group=32), (4, 32, 9, 9)),
        "depthwise strided bias": (
            conv2d(32, 32, 3, stride=2, padding=1, group=32, bias=True),
            (4, 32, 9, 9),
        ),
        "groups": (conv2d(32, 64, 3, padding=1, group=4), (4, 32, 9, 9)),
        "dilated bias": (conv2d(16, 16, 3, padding=2, dilation=2, bias=True), (2, 16, 12, 12)),
        "5x5 of one channel": (conv2d(1, 6, 5, bias=True), (16, 1, 32, 32)),
        "5x5 of six channels": (conv2d(6, 16, 5, bias=True), (16, 6, 14, 14)),
        "one pixel": (conv2d(1, 1, 1), (1, 1, 1, 1)),
        "odd sizes": (conv2d(17, 33, 2, bias=True), (3, 17, 5, 5)),
        "large": (conv2d(64, 64, 3, padding=1), (32, 64, 16, 16)),
        "same": (conv2d(8, 16, 3, stride=2, mode="same"), (4, 8, 14, 14)),
        "valid": (conv2d(8, 16, 3, stride=2, mode="valid"), (4, 8, 14, 14)),
        "1d": (nn.Conv1d(8, 16, 3, has_bias=True), (4, 8, 14)),
        "3d": (nn.Conv3d(8, 16, 3), (2, 8, 6, 6, 6)),
        "transposed": (
            nn.Conv2dTranspose(8, 16, 4, 2, pad_mode="pad", padding=1),
            (2, 8, 6, 6),
        ),
        "BatchNorm": (nn.BatchNorm2d(32).set_train(), (4, 32, 9, 9)),
        "BatchNorm in evaluation": (nn.BatchNorm2d(32).set_train(False), (4, 32, 9, 9)),
        "BatchNorm of large images": (nn.BatchNorm2d(3).set_train(), (2, 3, 17, 31)),
        "BatchNorm of one pixel": (nn.BatchNorm2d(64).set_train(), (8, 64, 1, 1)),
        "BatchNorm of volumes": (nn.BatchNorm3d(16).set_train(), (2, 16, 5, 5, 5)),
        "BatchNorm of odd channels": (nn.BatchNorm2d(5).set_train(), (4, 5, 9, 9)),
    }


class WeightedSum(nn.Cell):
    """A scalar whose gradient differs at each element of the output."""

    def __init__(self, cell: nn.Cell, weights: Tensor) -> None:
        super().__init__(auto_prefix=False)
        self.cell, self.weights = cell, weights

    def construct(self, inputs: Tensor) -> Tensor:
        return (self.cell(inputs) * self.weights).sum()


def results(cell: nn.Cell, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    random = np.random.default_rng(0)

    def normal(shape: tuple[int, ...]) -> Tensor:
        return Tensor(random.normal(size=shape).astype(np.float32))

    parameters = cell.trainable_params()
    for parameter in parameters:
        parameter.set_data(normal(parameter.shape))
    inputs = normal(shape)
    output = cell(inputs)
    yield "output", output.asnumpy()
    loss = WeightedSum(cell, normal(output.shape))
    of_inputs, of_parameters = ms.grad(loss, 0, ms.ParameterTuple(parameters))(inputs)
    yield "gradient of the input", of_inputs.asnumpy()
    for parameter, gradient in zip(parameters, of_parameters, strict=True):
        yield f"gradient of {parameter.name.rpartition('.')[2]}", gradient.asnumpy()
    for parameter in set(cell.get_parameters()) - set(parameters):  # BatchNorm's statistics
        yield parameter.name.rpartition(".")[2], parameter.asnumpy()


def main(path: str, mode: str, library: str = "") -> None:
    ms.set_context(mode=ms.GRAPH_MODE if mode == "graph" else ms.PYNATIVE_MODE)
    ms.set_device("CPU")
    load_numpy_interface()
    if library:
        blocked = ctypes.CDLL(str(Path(library).resolve()))
        blocked.blocked_install.restype = ctypes.c_char_p
        for _ in range(2):  # the second call changes nothing
            reason = blocked.blocked_install()
            assert reason is None, reason
    arrays: dict[str, Any] = {
        f"{kind}: {name}": array
        for kind, (cell, shape) in kinds().items()
        for name, array in results(cell, shape)
    }
    np.savez(path, **arrays)
    if library:
        counts = (ctypes.c_ulonglong * len(COUNTS))()
        blocked.blocked_counts(counts)
        print(json.dumps(dict(zip(COUNTS, counts, strict=True))))


if __name__ == "__main__":
    main(*sys.argv[1:])

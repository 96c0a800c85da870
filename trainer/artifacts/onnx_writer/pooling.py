"""Pooling in ONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.converter import Converter
from trainer.artifacts.onnx_writer.layers import onnx_pads
from trainer.artifacts.onnx_writer.mindir_graph import Node
from trainer.artifacts.onnx_writer.unsupported import Unsupported

_SAME, _VALID = 1, 2  # MindSpore's numbers of pad modes


def _max_pool(builder: Builder, node: Node) -> str:
    attributes = node.attributes
    mode = {"SAME": _SAME, "VALID": _VALID}.get(str(attributes["pad_mode"]).upper())
    kernel, strides = attributes["kernel_size"][-2:], attributes["strides"][-2:]
    return _pool("MaxPool", builder, node, (kernel, strides, mode))


def _average_pool(builder: Builder, node: Node) -> str:
    kernel, strides, mode = node.inputs[1:4]
    return _pool("AveragePool", builder, node, (kernel[-2:], strides[-2:], mode))


def _pool(op: str, builder: Builder, node: Node, settings: Sequence[Any]) -> str:
    kernel, strides, mode = settings
    if mode not in (_SAME, _VALID):
        raise Unsupported(f"{node.op} of another pad_mode than same and valid")
    sides = _same_pads(builder.shape(node.inputs[0])[2:], kernel, strides)
    return builder.add(
        op,
        builder.tensor(node.inputs[0]),
        kernel_shape=kernel,
        strides=strides,
        pads=onnx_pads(sides if mode == _SAME else [0] * len(sides)),
    )


def _same_pads(lengths: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Return both sides of each axis, the low ones rounded down."""
    pads = []
    for length, size, stride in zip(lengths, kernel, strides, strict=True):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        pads += [total // 2, total - total // 2]
    return pads


def _max_pool_3d(builder: Builder, node: Node) -> list[str]:
    """MaxPool3DWithArgmax, of which only the values are used; MaxPool2d pads by it."""
    attributes = node.attributes
    pads = attributes["pads"]
    return [
        builder.add(
            "MaxPool",
            builder.tensor(node.inputs[0]),
            kernel_shape=attributes["ksize"],
            strides=attributes["strides"],
            pads=[*pads, *pads],
            dilations=attributes["dilation"],
            ceil_mode=int(attributes["ceil_mode"]),
        )
    ]


def _average_pool_3d(builder: Builder, node: Node) -> str:
    attributes = node.attributes
    if attributes["divisor_override"]:
        raise Unsupported("AvgPool3D with divisor_override")
    return builder.add(
        "AveragePool",
        builder.tensor(node.inputs[0]),
        kernel_shape=attributes["kernel_size"][-3:],
        strides=attributes["strides"][-3:],
        pads=onnx_pads(attributes["pad_list"]),
        ceil_mode=int(attributes["ceil_mode"]),
        count_include_pad=int(attributes["count_include_pad"]),
    )


def _adaptive_average(builder: Builder, node: Node) -> str:
    """Means over parts of unequal length: a product with a matrix of weights for each axis."""
    x = builder.tensor(node.inputs[0])
    if node.shape[-2:] == (1, 1):
        return builder.add("GlobalAveragePool", x)
    rows, columns = (
        _averaging_matrix(*lengths)
        for lengths in zip(builder.shape(node.inputs[0])[-2:], node.shape[-2:], strict=True)
    )
    x = builder.add("MatMul", builder.constant(rows), x)
    return builder.add("MatMul", x, builder.constant(columns.T))


def _averaging_matrix(length: int, parts: int) -> NDArray[Any]:
    """Return [parts, length], whose rows average the values from floor to ceiling."""
    matrix = np.zeros((parts, length))
    for part in range(parts):
        start, end = part * length // parts, -(-(part + 1) * length // parts)
        matrix[part, start:end] = 1 / (end - start)
    return matrix


def _adaptive_max(builder: Builder, node: Node) -> list[str]:
    lengths, parts = builder.shape(node.inputs[0])[-2:], node.shape[-2:]
    if any(length % part for length, part in zip(lengths, parts, strict=True)):
        raise Unsupported(f"AdaptiveMaxPool2D from {lengths} to {parts}, parts of unequal length")
    sizes = [length // part for length, part in zip(lengths, parts, strict=True)]
    x = builder.tensor(node.inputs[0])
    return [builder.add("MaxPool", x, kernel_shape=sizes, strides=sizes)]


CONVERTERS: dict[str, Converter] = {
    "MaxPool": _max_pool,
    "AvgPool": _average_pool,
    "MaxPool3DWithArgmax": _max_pool_3d,
    "AvgPool3D": _average_pool_3d,
    "AdaptiveAvgPool2D": _adaptive_average,
    "AdaptiveMaxPool2D": _adaptive_max,
}

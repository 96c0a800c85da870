"""Layers in ONNX: convolutions, matrix products, normalisation and means."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.converter import Converter
from trainer.artifacts.onnx_writer.mindir_graph import Node
from trainer.artifacts.onnx_writer.unsupported import Unsupported


def onnx_pads(sides: Sequence[int]) -> list[int]:
    """Return (top, bottom, left, right, ...) as ONNX orders them: all low sides come first."""
    return [*sides[::2], *sides[1::2]]


def _convolution(builder: Builder, node: Node) -> str:
    attributes = node.attributes
    if attributes.get("format") != "NCHW":
        raise Unsupported(f"{node.op} of format {attributes.get('format')}")
    return builder.add(
        "Conv",
        *(builder.tensor(each) for each in node.inputs[:2]),
        kernel_shape=attributes["kernel_size"],
        pads=onnx_pads(attributes["pad_list"]),
        strides=attributes["stride"][-2:],
        dilations=attributes["dilation"][-2:],
        group=attributes["group"],
    )


def _bias_add(builder: Builder, node: Node) -> str:
    x, bias = node.inputs[:2]
    name, trailing = builder.tensor(bias), [1] * (len(builder.shape(x)) - 2)
    values = builder.array(bias)
    if trailing and values is not None:
        name = builder.constant(values.reshape([-1, *trailing]), values.dtype.name)
    elif trailing:
        name = builder.reshape(name, [-1, *trailing])
    return builder.add("Add", builder.tensor(x), name)


def _matmul(builder: Builder, node: Node) -> str:
    """A product of matrices, or of batches of them, each as it is or transposed."""
    flags = (*node.inputs[2:4], False, False)[:2]
    factors = [
        _transposed(builder, each) if flag else builder.tensor(each)
        for each, flag in zip(node.inputs[:2], flags, strict=True)
    ]
    return builder.add("MatMul", *factors)


def _transposed(builder: Builder, value: Any) -> str:
    axes = list(range(len(builder.shape(value))))
    return builder.add("Transpose", builder.tensor(value), perm=[*axes[:-2], *axes[:-3:-1]])


def _dense(builder: Builder, node: Node) -> str:
    """The dense layer of ``mint``: x times the transposed weight, plus the bias if there is one."""
    x, weight, *bias = node.inputs[:3]
    product = builder.add("MatMul", builder.tensor(x), _transposed(builder, weight))
    return builder.add("Add", product, builder.tensor(bias[0])) if any(bias) else product


def _batch_norm(builder: Builder, node: Node) -> list[str]:
    if node.inputs[5] is not False:
        raise Unsupported(f"{node.op} in training mode")
    tensors = map(builder.tensor, node.inputs[:5])
    return [builder.add("BatchNormalization", *tensors, epsilon=node.inputs[6])]


def _layer_norm(builder: Builder, node: Node) -> list[str]:
    *tensors, axis, parameter_axis, epsilon = node.inputs[:6]
    rank = len(builder.shape(tensors[0]))
    if axis % rank != parameter_axis % rank:
        raise Unsupported("LayerNorm with begin_params_axis other than begin_norm_axis")
    names = map(builder.tensor, tensors)
    return [builder.add("LayerNormalization", *names, axis=axis, epsilon=epsilon)]


def _group_norm(builder: Builder, node: Node) -> list[str]:
    """Groups are normalised as instances, then channels scaled and shifted."""
    x, groups, scale, shift, epsilon = node.inputs[:5]
    shape = builder.shape(x)
    ones, zeros = (builder.constant(np.full(groups, value)) for value in (1.0, 0.0))
    rows = builder.reshape(builder.tensor(x), [shape[0], groups, -1])
    rows = builder.add("InstanceNormalization", rows, ones, zeros, epsilon=epsilon)
    channels = [-1, *[1] * (len(shape) - 2)]
    scale, shift = (builder.reshape(builder.tensor(each), channels) for each in (scale, shift))
    return [
        builder.add("Add", builder.add("Mul", builder.reshape(rows, shape), scale), shift),
    ]


def _l2_normalize(builder: Builder, node: Node) -> str:
    """X divided by the root of its sum of squares, which is at least epsilon."""
    x = builder.tensor(node.inputs[0])
    axes, epsilon = node.attributes["axis"], node.attributes["epsilon"]
    axes = builder.ints(axes if isinstance(axes, tuple) else [axes])
    total = builder.add("ReduceSum", builder.add("Mul", x, x), axes, keepdims=1)
    total = builder.add("Max", total, builder.constant(epsilon))
    return builder.add("Div", x, builder.add("Sqrt", total))


def _reduce(op: str, builder: Builder, node: Node) -> str:
    """Sum, mean, largest or smallest value over axes; none: over all."""
    x, axes, keep = (*node.inputs, (), False)[:3]
    listed = axes if isinstance(axes, tuple) else () if axes is None else (axes,)
    chosen = list(listed or range(len(builder.shape(x))))
    if op == "ReduceSum":
        return builder.add(op, builder.tensor(x), builder.ints(chosen), keepdims=int(bool(keep)))
    return builder.add(op, builder.tensor(x), axes=chosen, keepdims=int(bool(keep)))


def _extreme(kind: str, builder: Builder, node: Node) -> list[str]:
    """The position and the value of the largest or smallest value along an axis."""
    x, (axis, keep) = builder.tensor(node.inputs[0]), map(int, node.inputs[1:3])
    position = builder.add(f"Arg{kind}", x, axis=axis, keepdims=keep)
    return [position, builder.add(f"Reduce{kind}", x, axes=[axis], keepdims=keep)]


CONVERTERS: dict[str, Converter] = {
    "Conv2D": _convolution,
    "BiasAdd": _bias_add,
    "MatMul": _matmul,
    "MatMulExt": _matmul,
    "BatchMatMul": _matmul,
    "Dense": _dense,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "L2Normalize": _l2_normalize,
    **{op: partial(_reduce, "ReduceMean") for op in ("ReduceMean", "MeanExt")},
    **{op: partial(_reduce, "ReduceSum") for op in ("ReduceSum", "SumExt")},
    "ArgMaxWithValue": partial(_extreme, "Max"),
    "ArgMinWithValue": partial(_extreme, "Min"),
    "ReduceMax": partial(_reduce, "ReduceMax"),
    "ReduceMin": partial(_reduce, "ReduceMin"),
}

"""Elementwise operators and activations in ONNX."""

import math
from functools import partial

from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.converter import Converter
from trainer.artifacts.onnx_writer.mindir_graph import Node, Ref

_BOOL = 9  # MindIR's number of the type
_UNARY = {
    "ReLU": "Relu",
    "SeLU": "Selu",
    "LogicalNot": "Not",
    **{op: op for op in ("Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Abs", "Neg", "Erf", "Floor")},
    **{op: op for op in ("Ceil", "Sign", "Reciprocal", "Sin", "Cos", "Round", "Softplus")},
    "HSwish": "HardSwish",
}
_BINARY = {
    "Maximum": "Max",
    "Minimum": "Min",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "GreaterEqual": "GreaterOrEqual",
    "LessEqual": "LessOrEqual",
    **{op: op for op in ("Add", "Sub", "Mul", "Div", "Pow", "Greater", "Less", "Equal")},
    **{f"Inplace{op}": op for op in ("Mul", "Div")},
    **{f"{op}s": op for op in ("Mul", "Div")},
    **{f"Inplace{op}s": op for op in ("Mul", "Div")},
}
# With a third input, by which the second one is multiplied. Those in place, such as `+=`, give what
# the others give: nothing in a graph of ONNX is changed in place.
_SCALED = {
    **{f"{op}{suffix}": op for op in ("Add", "Sub") for suffix in ("Ext", "Scalar")},
    **{f"Inplace{op}Ext": op for op in ("Add", "Sub")},
    "InplaceAddsExt": "Add",
    "InplaceSubScalar": "Sub",
}


def _unary(op: str, builder: Builder, node: Node) -> str:
    return builder.add(op, builder.tensor(node.inputs[0]))


def _binary(op: str, builder: Builder, node: Node) -> str:
    dtype = node.types[0].dtype
    if dtype == _BOOL:  # a comparison, of values of another type
        dtype = next(builder.type(each).dtype for each in node.inputs if isinstance(each, Ref))
    return builder.add(op, *(builder.operand(each, dtype) for each in node.inputs[:2]))


def _scaled(op: str, builder: Builder, node: Node) -> str:
    dtype, scale = node.types[0].dtype, node.inputs[2] if len(node.inputs) > 2 else 1
    one, other = (builder.operand(each, dtype) for each in node.inputs[:2])
    if scale not in (1, None):
        other = builder.add("Mul", other, builder.tensor(scale, dtype))
    return builder.add(op, one, other)


def _relu6(builder: Builder, node: Node) -> str:
    dtype = node.types[0].dtype
    bounds = (builder.tensor(bound, dtype) for bound in (0.0, 6.0))
    return builder.add("Clip", builder.tensor(node.inputs[0]), *bounds)


def _clamp(builder: Builder, node: Node) -> str:
    x, low, high = node.inputs[:3]
    dtype = node.types[0].dtype
    bounds = ["" if bound is None else builder.tensor(bound, dtype) for bound in (low, high)]
    return builder.add("Clip", builder.tensor(x), *bounds)


def _clamp_by_tensors(builder: Builder, node: Node) -> str:
    """Bounds of any shape, which Clip does not take."""
    x, *bounds = node.inputs[:3]
    name = builder.tensor(x)
    for op, bound in zip(("Max", "Min"), bounds, strict=True):
        name = name if bound is None else builder.add(op, name, builder.tensor(bound))
    return name


def _hard_sigmoid(builder: Builder, node: Node) -> str:
    return builder.add("HardSigmoid", builder.tensor(node.inputs[0]), alpha=1 / 6, beta=0.5)


def _with_alpha(op: str, builder: Builder, node: Node) -> str:
    alpha = node.inputs[1] if len(node.inputs) > 1 else 1.0
    return builder.add(op, builder.tensor(node.inputs[0]), alpha=float(alpha))


def _silu(builder: Builder, node: Node) -> str:
    x = builder.tensor(node.inputs[0])
    return builder.add("Mul", x, builder.add("Sigmoid", x))


def _mish(builder: Builder, node: Node) -> str:
    x = builder.tensor(node.inputs[0])
    return builder.add("Mul", x, builder.add("Tanh", builder.add("Softplus", x)))


def _square(builder: Builder, node: Node) -> str:
    x = builder.tensor(node.inputs[0])
    return builder.add("Mul", x, x)


def _rsqrt(builder: Builder, node: Node) -> str:
    return builder.add("Reciprocal", _unary("Sqrt", builder, node))


def _gelu_tanh(builder: Builder, node: Node) -> str:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), MindSpore's GeLU."""
    x, dtype = builder.tensor(node.inputs[0]), node.types[0].dtype
    cube = builder.add("Mul", builder.add("Mul", x, x), x)
    cube = builder.add("Mul", cube, builder.tensor(0.044715, dtype))
    scale = builder.tensor(math.sqrt(2 / math.pi), dtype)
    tanh = builder.add("Tanh", builder.add("Mul", builder.add("Add", x, cube), scale))
    return _half_product(builder, x, tanh, dtype)


def _half_product(builder: Builder, x: str, other: str, dtype: int) -> str:
    """0.5 x (1 + other)."""
    half = builder.add("Mul", x, builder.tensor(0.5, dtype))
    return builder.add("Mul", half, builder.add("Add", other, builder.tensor(1.0, dtype)))


def _prelu(builder: Builder, node: Node) -> str:
    """PReLU: a slope for each channel, which ONNX aligns with the last axes."""
    x, slope = node.inputs
    trailing = [1] * max(0, len(builder.shape(x)) - 2)
    return builder.add(
        "PRelu", builder.tensor(x), builder.reshape(builder.tensor(slope), [-1, *trailing])
    )


def _softmax(op: str, builder: Builder, node: Node) -> str:
    axis = node.inputs[1]
    last = axis[0] if isinstance(axis, tuple) else axis
    return builder.add(op, builder.tensor(node.inputs[0]), axis=last)


def _select(builder: Builder, node: Node) -> str:
    return builder.add("Where", *(builder.tensor(each) for each in node.inputs[:3]))


CONVERTERS: dict[str, Converter] = {
    **{op: partial(_unary, name) for op, name in _UNARY.items()},
    **{op: partial(_binary, name) for op, name in _BINARY.items()},
    **{op: partial(_scaled, name) for op, name in _SCALED.items()},
    "ReLU6": _relu6,
    "ClampScalar": _clamp,
    "ClampTensor": _clamp_by_tensors,
    "HSigmoid": _hard_sigmoid,
    "Elu": partial(_with_alpha, "Elu"),
    "CeLU": partial(_with_alpha, "Celu"),
    "SiLU": _silu,
    "Mish": _mish,
    "Square": _square,
    "Rsqrt": _rsqrt,
    "GeLU": _gelu_tanh,
    "PReLU": _prelu,
    "Softmax": partial(_softmax, "Softmax"),
    "LogSoftmax": partial(_softmax, "LogSoftmax"),
    "LogSoftmaxExt": partial(_softmax, "LogSoftmax"),
    "Select": _select,
}

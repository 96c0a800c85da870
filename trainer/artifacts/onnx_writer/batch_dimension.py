"""Batch dimension: a model that accepts any batch size, from its graphs for two sizes.

The graphs are those of one model, so that what differs is what depends on the batch size: constants
such as the shape of a reshape. Each of these becomes a linear function of the batch size, which two
points determine.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from trainer.artifacts.onnx_writer.unsupported import Unsupported

SIZES = (2, 3)  # of the batches of the two graphs; 1 could be broadcast, and would not show
_SYMBOL = "batch"  # the name of the dimension


def merge(models: Sequence[ModelProto]) -> ModelProto:
    """Return a model for any batch size.

    Args:
        models: the same model, for batches of ``SIZES``.

    Raises:
        Unsupported: something other than a whole number depends on the batch size.
    """
    model, other = ModelProto(), models[1]
    model.CopyFrom(models[0])
    _check_nodes(model.graph.node, other.graph.node)
    pairs = zip(model.graph.initializer, other.graph.initializer, strict=True)
    differing = {one.name: _slope(one, two) for one, two in pairs if one != two}
    values = zip(_infos(model), _infos(other), strict=True)
    for one_info, other_info in values:
        _name_batch_axes(one_info, other_info)
    _replace(model, differing)
    return model


def _infos(model: ModelProto) -> list[Any]:
    return [*model.graph.input, *model.graph.output]


def _check_nodes(nodes: Sequence[NodeProto], others: Sequence[NodeProto]) -> None:
    if [node.op_type for node in nodes] != [node.op_type for node in others]:
        raise Unsupported("the operators depend on the batch size")
    for one, other in zip(nodes, others, strict=True):
        if one != other:
            raise Unsupported(f"{one.op_type} has an attribute that depends on the batch size")


def _slope(one: TensorProto, other: TensorProto) -> NDArray[Any]:
    """Return how much a constant grows with each sample."""
    arrays = numpy_helper.to_array(one), numpy_helper.to_array(other)
    if one.data_type != TensorProto.INT64 or arrays[0].shape != arrays[1].shape:
        shape = list(arrays[0].shape)
        raise Unsupported(f"a constant of shape {shape} depends on the batch size")
    difference: NDArray[Any] = arrays[1] - arrays[0]
    return difference


def _name_batch_axes(one: Any, other: Any) -> None:
    """Give the first axis its symbol, and axes whose length depends on it none."""
    dimensions = one.type.tensor_type.shape.dim
    for axis, (dim, two) in enumerate(
        zip(dimensions, other.type.tensor_type.shape.dim, strict=True)
    ):
        if dim.dim_value != two.dim_value:
            is_batch = axis == 0 and (dim.dim_value, two.dim_value) == SIZES
            dim.Clear()
            if is_batch:
                dim.dim_param = _SYMBOL


def _replace(model: ModelProto, slopes: dict[str, NDArray[Any]]) -> None:
    """Replace constants: of a reshape by -1, others by nodes that compute them."""
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    constants = list(model.graph.initializer)
    nodes = list(model.graph.node)
    computed: list[NodeProto] = []
    del model.graph.initializer[:], model.graph.node[:]
    for constant in constants:
        slope = slopes.get(constant.name)
        values = numpy_helper.to_array(constant)
        if slope is None:
            model.graph.initializer.append(constant)
        elif constant.name in shapes and np.count_nonzero(slope) == 1 and (values > 0).all():
            inferred = np.where(slope, -1, values)
            model.graph.initializer.append(numpy_helper.from_array(inferred, constant.name))
        else:
            computed += _linear(model, constant.name, values - SIZES[0] * slope, slope)
    head = _batch_size(model) if computed else []
    model.graph.node.extend([*head, *computed, *nodes])


def _batch_size(model: ModelProto) -> Iterator[NodeProto]:
    """Yield the nodes that compute the batch size, a tensor of one number."""
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array([at]), f"{_SYMBOL}_{name}")
        for name, at in (("start", 0), ("end", 1))
    )
    source = model.graph.input[0].name
    yield helper.make_node("Shape", [source], [f"{_SYMBOL}_shape"], f"{_SYMBOL}_shape")
    inputs = [f"{_SYMBOL}_{name}" for name in ("shape", "start", "end")]
    yield helper.make_node("Slice", inputs, [_SYMBOL], _SYMBOL)


def _linear(
    model: ModelProto, name: str, base: NDArray[Any], slope: NDArray[Any]
) -> list[NodeProto]:
    """Return the nodes that compute ``base + slope * batch`` in the place of a constant."""
    parts = {f"{name}_base": base, f"{name}_slope": slope}
    model.graph.initializer.extend(numpy_helper.from_array(a, key) for key, a in parts.items())
    product = f"{name}_product"
    return [
        helper.make_node("Mul", [_SYMBOL, f"{name}_slope"], [product], product),
        helper.make_node("Add", [product, f"{name}_base"], [name], name),
    ]

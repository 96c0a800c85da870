"""MindIR graph: a MindIR file as plain Python data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from mindspore.train import mind_ir_pb2 as proto
from numpy.typing import NDArray

from trainer.artifacts.onnx_writer.unsupported import Unsupported

# Numbers of MindIR and ONNX, which agree on these types.
DTYPES = {1: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32", 7: "int64", 9: "bool"}
DTYPES |= {10: "float16", 11: "float64"}
_REFERENCE = "REF::"  # begins the name of a primitive in the file's table
_Types = proto.AttributeProto.AttributeType


@dataclass(frozen=True)
class Ref:
    """The output of a node, an input or a weight."""

    name: str


@dataclass(frozen=True)
class TensorType:
    """Shape and type of a tensor; the type is MindIR's number of it."""

    shape: tuple[int, ...]
    dtype: int


Types: TypeAlias = tuple[TensorType, ...]


@dataclass(frozen=True)
class Node:
    """A primitive applied to references and constants.

    Attributes:
        op: name of the primitive.
        output: name of its output.
        inputs: references, arrays, and plain values; None for what only orders side effects.
        attributes: of the primitive.
        types: of the outputs.
    """

    op: str
    output: str
    inputs: Sequence[Any]
    attributes: Mapping[str, Any]
    types: Types

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return self.types[0].shape


@dataclass(frozen=True)
class Graph:
    """A model: its inputs by name, its weights by name, its nodes in order, its output."""

    inputs: Mapping[str, TensorType]
    weights: Mapping[str, NDArray[Any]]
    nodes: Sequence[Node]
    output: Ref


def read(path: Path) -> Graph:
    """Read a file that ``mindspore.export`` has written.

    Raises:
        Unsupported: it has control flow, a value of an unknown kind, or several outputs in the
            graph itself.
    """
    model = proto.ModelProto()
    model.ParseFromString(path.read_bytes())
    if model.functions or len(model.graph.output) != 1:
        raise Unsupported("a branch or a loop")
    primitives = {each.name: each for each in model.primitives}
    constants = {
        node.output[0]: _value(_attribute(node, "value"))
        for node in model.graph.node
        if node.op_type == "Constant"
    }
    return Graph(
        {each.name: _tensor_type(each.tensor[0]) for each in model.graph.input},
        {each.name: _array(each) for each in model.graph.parameter},
        [
            _node(node, primitives[node.op_type.removeprefix(_REFERENCE)], constants)
            for node in model.graph.node
            if node.op_type != "Constant"
        ],
        Ref(model.graph.output[0].name),
    )


def _node(node: Any, primitive: Any, constants: Mapping[str, Any]) -> Node:
    inputs = [constants[name] if name in constants else Ref(name) for name in node.input]
    attributes = {each.name: _value(each) for each in primitive.attribute}
    types = tuple(_tensor_types(_attribute(node, "shape")))
    return Node(primitive.op_type, node.output[0], inputs, attributes, types)


def _attribute(node: Any, name: str) -> Any:
    return next((each for each in node.attribute if each.name == name), proto.AttributeProto())


def _tensor_types(attribute: Any) -> Iterator[TensorType]:
    yield from map(_tensor_type, attribute.tensors)
    for part in attribute.values:
        yield from _tensor_types(part)


def _tensor_type(tensor: Any) -> TensorType:
    return TensorType(tuple(tensor.dims), tensor.data_type)


def _array(tensor: Any) -> NDArray[Any]:
    if tensor.data_type not in DTYPES:
        raise Unsupported(f"a tensor of type {tensor.data_type} of MindIR")
    array = np.frombuffer(tensor.raw_data, DTYPES[tensor.data_type])
    return array.reshape(tuple(tensor.dims))


def _value(attribute: Any) -> Any:
    """Return a plain value, a tuple of values, or an array; None: it is none of these."""
    if attribute.type in (_Types.Value("TUPLE"), _Types.Value("LIST")):
        return tuple(map(_value, attribute.values))
    if attribute.type == _Types.Value("TENSORS"):
        return _array(attribute.tensors[0])
    name = _Types.Name(attribute.type)
    if name.startswith(("INT", "UINT")):
        return int(_scalar(attribute.ints, attribute.i))
    if name == "BOOL":
        return bool(_scalar(attribute.ints, attribute.i))
    if name in ("FLOAT", "DOUBLE"):
        return float(_scalar([*attribute.floats, *attribute.doubles], attribute.f or attribute.d))
    if name == "STRING":
        return _scalar(attribute.strings, attribute.s).decode()
    return None


def _scalar(values: Sequence[Any], value: Any) -> Any:
    """Return a scalar, which within a tuple lies in a list of one."""
    return values[0] if values else value

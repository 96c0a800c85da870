"""Translate: a whole graph into a model of ONNX."""

from typing import Any

from onnx import ModelProto, ValueInfoProto, helper

from trainer.artifacts.onnx_writer import elementwise, layers, pooling, shaping
from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.converter import Converter
from trainer.artifacts.onnx_writer.mindir_graph import Graph, Node, TensorType, Types
from trainer.artifacts.onnx_writer.unsupported import Unsupported

_OPSET = 17  # the first with LayerNormalization; onnxruntime 1.12 and newer run it
_IR_VERSION = 8  # of that opset
_CONVERTERS: dict[str, Converter] = {
    **elementwise.CONVERTERS,
    **shaping.CONVERTERS,
    **layers.CONVERTERS,
    **pooling.CONVERTERS,
}
_ORDER = "UpdateState"  # orders side effects, of which an exported graph has none


def translate(graph: Graph) -> ModelProto:
    """Return a model whose inputs are named input, and whose outputs are named output.

    Several are numbered from 1.

    Raises:
        Unsupported: an operator has no exact translation.
    """
    inputs = _names("input", len(graph.inputs))
    builder = Builder(graph, dict(zip(graph.inputs, inputs, strict=True)))
    types: dict[str, Types] = {name: (one,) for name, one in graph.inputs.items()}
    for node in graph.nodes:
        if node.op != _ORDER:
            builder.values[node.output] = _converted(builder, node)
            types[node.output] = node.types
    outputs = builder.tensors(graph.output)
    names = _names("output", len(outputs))
    for output, name in zip(outputs, names, strict=True):
        builder.nodes.append(helper.make_node("Identity", [output], [name], name))
    return _model(
        builder,
        [_info(*each) for each in zip(inputs, graph.inputs.values(), strict=True)],
        [_info(*each) for each in zip(names, types[graph.output.name], strict=True)],
    )


def _converted(builder: Builder, node: Node) -> str | list[str]:
    if node.op == "TupleGetItem":
        source, index = node.inputs
        return _item(builder.tensors(source), index, node)
    if node.op == "MakeTuple":
        return shaping.tuple_of(builder, node)
    if node.op not in _CONVERTERS:
        raise Unsupported(node.op)
    return _CONVERTERS[node.op](builder, node)


def _item(names: list[str], index: int, node: Node) -> str:
    if index >= len(names):  # a mean, a variance or an index, which ONNX does not give
        raise Unsupported(f"output {index} of {node.output}")
    return names[index]


def _names(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}_{number}" for number in range(1, count + 1)]


def _info(name: str, one: TensorType) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, one.dtype, one.shape)


def _model(builder: Builder, inputs: Any, outputs: Any) -> ModelProto:
    graph = helper.make_graph(
        builder.nodes, "model", inputs, outputs, list(builder.initializers.values())
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

"""Builder: an ONNX graph that grows node by node."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from trainer.artifacts.onnx_writer.mindir_graph import DTYPES, Graph, Ref, TensorType, Types
from trainer.artifacts.onnx_writer.unsupported import Unsupported


class Builder:
    """An ONNX graph under construction.

    Args:
        graph: what is translated.
        names: of its inputs in ONNX, by their names in the graph.

    Attributes:
        nodes: in order.
        initializers: constants and weights by name.
        values: names in ONNX of what the graph's nodes give: one, or one for each output.
    """

    def __init__(self, graph: Graph, names: Mapping[str, str]) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.values: dict[str, str | list[str]] = dict(names)
        self._weights = graph.weights
        self._types: dict[str, Types] = {name: (one,) for name, one in graph.inputs.items()}
        self._types |= {node.output: node.types for node in graph.nodes}

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the name of that."""
        return self.add_multiple(op, 1, *inputs, **attributes)[0]

    def add_multiple(self, op: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs and return their names."""
        at = len(self.nodes)
        outputs = [f"{op}_{at}" if count == 1 else f"{op}_{at}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, f"{op}_{at}", **attributes))
        return outputs

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """Add whole numbers, such as a shape, and return the name of the constant."""
        return self.constant(list(values), "int64")

    def tensor(self, value: Any, dtype: int = 1) -> str:
        """Return the name of a tensor in ONNX.

        Args:
            value: a reference, an array or a number.
            dtype: MindIR's type of a number.
        """
        if not isinstance(value, Ref):
            return self.constant(value, value.dtype if _is_array(value) else DTYPES[dtype])
        if value.name in self._weights:
            return self._weight(value.name)
        name = self.values[value.name]
        if not isinstance(name, str):
            raise Unsupported("a tuple in the place of a tensor")
        return name

    def operand(self, value: Any, dtype: int) -> str:
        """Return the name of a tensor or number, converted to MindIR's type ``dtype``."""
        if not isinstance(value, Ref):
            return self.constant(value, DTYPES[dtype])
        name = self.tensor(value)
        return name if self.type(value).dtype == dtype else self.add("Cast", name, to=dtype)

    def tensors(self, value: Any) -> list[str]:
        """Return the names of the tensors in a tuple, or that of a tensor."""
        names = self.values.get(value.name) if isinstance(value, Ref) else None
        if isinstance(names, list):
            return names
        return [self.tensor(each) for each in (value if isinstance(value, tuple) else [value])]

    def array(self, value: Any) -> NDArray[Any] | None:
        """Return the values of a weight or constant; None: it is computed."""
        if isinstance(value, Ref):
            return self._weights.get(value.name)
        return np.asarray(value)

    def type(self, value: Any) -> TensorType:
        """Return shape and type of a reference or an array."""
        array = self.array(value)
        if array is None:
            return self._types[value.name][0]
        number = next(number for number, name in DTYPES.items() if array.dtype == name)
        return TensorType(array.shape, number)

    def shape(self, value: Any) -> tuple[int, ...]:
        """Return the shape of a reference or an array."""
        return self.type(value).shape

    def reshape(self, name: str, shape: Sequence[int]) -> str:
        """Add a reshape and return the name of its output."""
        return self.add("Reshape", name, self.ints(shape))

    def _weight(self, name: str) -> str:
        """Return the name of a weight in ONNX: the parameter's, without that of the graph."""
        own = name.rpartition(":")[2]
        if own not in self.initializers:
            self.initializers[own] = numpy_helper.from_array(self._weights[name], own)
        return own


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)

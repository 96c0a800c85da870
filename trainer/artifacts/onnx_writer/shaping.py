"""Operators that move values without changing them, in ONNX."""

from collections.abc import Iterator
from typing import Any

from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.converter import Converter
from trainer.artifacts.onnx_writer.mindir_graph import Node
from trainer.artifacts.onnx_writer.unsupported import Unsupported

_END = 2**63 - 1  # as the end of a slice: wherever the axis ends
_BEGIN = -(2**63)  # the same of a slice that runs backwards
_RESIZE = {
    (False, True): "half_pixel",
    (True, False): "align_corners",
    (False, False): "asymmetric",
}


def _reshape(builder: Builder, node: Node) -> str:
    return builder.reshape(builder.tensor(node.inputs[0]), node.shape)


def _same(builder: Builder, node: Node) -> str | list[str]:
    """Return the input, a tensor or a tuple."""
    names = builder.tensors(node.inputs[0])
    return names[0] if len(node.types) == 1 else names


def _transpose(builder: Builder, node: Node) -> str:
    return builder.add("Transpose", builder.tensor(node.inputs[0]), perm=node.inputs[1])


def _concat(builder: Builder, node: Node) -> str:
    return builder.add("Concat", *builder.tensors(node.inputs[0]), axis=node.inputs[1])


def _stack(builder: Builder, node: Node) -> str:
    axis = node.attributes["axis"]
    axes = builder.ints([axis])
    rows = [builder.add("Unsqueeze", each, axes) for each in builder.tensors(node.inputs[0])]
    return builder.add("Concat", *rows, axis=axis)


def _split(builder: Builder, node: Node) -> list[str]:
    return _parts(builder, node, node.inputs[1])


def _unstack(builder: Builder, node: Node) -> list[str]:
    parts = _parts(builder, node, node.attributes["axis"], size=1)
    types = zip(parts, node.types, strict=True)
    return [builder.reshape(part, one.shape) for part, one in types]


def _parts(builder: Builder, node: Node, axis: int, size: int | None = None) -> list[str]:
    sizes = builder.ints([size or one.shape[axis] for one in node.types])
    x = builder.tensor(node.inputs[0])
    return builder.add_multiple("Split", len(node.types), x, sizes, axis=axis)


def _tile(builder: Builder, node: Node) -> str:
    x, repeats = node.inputs[:2]
    shape = builder.shape(x)
    missing = len(repeats) - len(shape)
    whole = builder.reshape(builder.tensor(x), [*[1] * missing, *shape]) if missing > 0 else None
    padded = [*[1] * -min(0, missing), *repeats]
    return builder.add("Tile", whole or builder.tensor(x), builder.ints(padded))


def _broadcast(builder: Builder, node: Node) -> str:
    return builder.add("Expand", builder.tensor(node.inputs[0]), builder.ints(node.shape))


def _strided_slice(builder: Builder, node: Node) -> str:
    """A slice with a mask for each of: begin, end, ellipsis, new axis, shrunk axis."""
    x, begins, ends, strides, begin_mask, end_mask, ellipsis, new_axis, shrunk = node.inputs[:9]
    if ellipsis or new_axis:
        raise Unsupported("StridedSlice with an ellipsis or a new axis")
    starts, stops = list(begins), list(ends)
    for axis, stride in enumerate(strides):
        if shrunk >> axis & 1:
            stops[axis] = starts[axis] + 1 or _END
            continue
        if begin_mask >> axis & 1:
            starts[axis] = 0 if stride > 0 else _END
        if end_mask >> axis & 1:
            stops[axis] = _END if stride > 0 else _BEGIN
    axes = range(len(begins))
    result = _slice(builder, builder.tensor(x), starts, stops, axes, strides)
    return builder.reshape(result, node.shape) if shrunk else result


def _slice(builder: Builder, x: str, *numbers: Any) -> str:
    """Starts, ends, axes and steps."""
    return builder.add("Slice", x, *(builder.ints(each) for each in numbers))


def _slice_of_size(builder: Builder, node: Node) -> str:
    x, begins, _ = node.inputs[:3]
    ends = [begin + size for begin, size in zip(begins, node.shape, strict=True)]
    return _slice(builder, builder.tensor(x), begins, ends, range(len(begins)))


def _pad(builder: Builder, node: Node) -> str:
    pairs = node.attributes["paddings"]
    return _padded(builder, node, list(pairs), builder.constant(0.0))


def _pad_last_axes(builder: Builder, node: Node) -> str:
    """PadV3: a pair for each axis, the last axis first."""
    x, numbers, value = node.inputs[:3]
    if node.attributes.get("mode") != "constant" or not isinstance(numbers, tuple):
        raise Unsupported("PadV3 of another mode than constant")
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))[::-1]
    leading = [(0, 0)] * (len(builder.shape(x)) - len(pairs))
    return _padded(builder, node, [*leading, *pairs], builder.tensor(value))


def _padded(builder: Builder, node: Node, pairs: list[Any], value: str) -> str:
    widths = builder.ints([low for low, _ in pairs] + [high for _, high in pairs])
    return builder.add("Pad", builder.tensor(node.inputs[0]), widths, value)


def _gather(builder: Builder, node: Node) -> str:
    x, indices, axis, *batch_axes = node.inputs
    if any(batch_axes):
        raise Unsupported("Gather with batch_dims")
    return builder.add("Gather", builder.tensor(x), builder.tensor(indices, 7), axis=axis)


def _cast(builder: Builder, node: Node) -> str:
    return builder.add("Cast", builder.tensor(node.inputs[0]), to=node.types[0].dtype)


def _resize_bilinear(builder: Builder, node: Node) -> str:
    x, _, *flags = node.inputs[:4]
    corners, half = map(bool, flags)
    if (corners, half) not in _RESIZE:
        raise Unsupported(f"{node.op} with align_corners={corners}, half_pixel_centers={half}")
    return builder.add(
        "Resize",
        *(builder.tensor(x), "", "", builder.ints(node.shape)),
        mode="linear",
        coordinate_transformation_mode=_RESIZE[corners, half],
    )


def tuple_of(builder: Builder, node: Node) -> list[str]:
    """Return the tensors of a tuple; those of tuples in it are among them."""
    return list(_flat(builder, node.inputs))


def _flat(builder: Builder, values: Any) -> Iterator[str]:
    for value in values:
        if value is not None:
            yield from builder.tensors(value) if hasattr(value, "name") else [builder.tensor(value)]


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(("Reshape", "Flatten", "FlattenExt", "ExpandDims", "Squeeze"), _reshape),
    **dict.fromkeys(("Depend", "Load", "Contiguous"), _same),
    "Transpose": _transpose,
    "Concat": _concat,
    "Stack": _stack,
    "Split": _split,
    "Unstack": _unstack,
    "Tile": _tile,
    "BroadcastTo": _broadcast,
    "StridedSlice": _strided_slice,
    "Slice": _slice_of_size,
    "Pad": _pad,
    "PadV3": _pad_last_axes,
    "Gather": _gather,
    "Cast": _cast,
    "ResizeBilinearV2": _resize_bilinear,
}

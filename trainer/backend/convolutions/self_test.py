"""Self-test: small operations of each kind, with all gradients, against plain NumPy.

``python -m trainer.backend.convolutions.self_test`` prints why blocked convolutions cannot be used
on this machine, as JSON; the text is empty if they can. ``verdict`` starts it as a child process.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.backend.convolutions import batch_norm_reference, native_library, reference
from trainer.backend.convolutions.reference import Array, Convolution
from trainer.backend.tested_versions import untested_reason

_TOLERANCE = 1e-4  # as a share of the largest value; float32 differs by some 1e-6
CASES = (
    Convolution("3x3", (2, 16, 9, 9), 32, 3, pad=1),
    Convolution("3 channels, 7x7, stride 2", (2, 3, 17, 17), 16, 7, stride=2, pad=3),
    Convolution("1x1, stride 2", (2, 16, 8, 8), 24, 1, stride=2),
    Convolution("5x5 with bias, one channel", (4, 1, 12, 12), 6, 5, bias=True),
    Convolution("odd channels", (3, 5, 7, 7), 7, 3, pad=1, bias=True),
    Convolution("groups", (2, 16, 8, 8), 32, 3, pad=1, groups=4),
    Convolution("depthwise, stride 2", (2, 24, 9, 9), 24, 3, stride=2, pad=1, groups=24),
    Convolution("dilation", (1, 8, 11, 11), 16, 3, pad=2, dilation=2),
    Convolution("3-D", (1, 4, 5, 5, 5), 8, 3, pad=1),
)
BATCH_NORM_CASES = ((4, 32, 7, 7), (3, 5, 6, 6), (2, 300, 1, 1), (2, 3, 17, 31))


def main() -> None:
    """Print why blocked convolutions cannot be used."""
    os.environ["MS_COMPILER_CACHE_ENABLE"] = "0"
    os.environ.setdefault("GLOG_v", "3")
    try:
        why = reason()
    except Exception as error:  # whatever it is, they cannot be used
        why = f"the self-test failed: {type(error).__name__}: {error}"
    print(json.dumps({"why": why}))


def reason() -> str:
    """Return why blocked convolutions cannot be used; empty if they can."""
    import mindspore as ms

    ms.set_device("CPU")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    why = native_library.install() or untested_reason("oneDNN", native_library.onednn_version())
    for shape in CASES:
        why = why or _wrong(shape)
    for size in BATCH_NORM_CASES:
        why = why or _wrong_batch_norm(size)
    return why or _unused(native_library.counts())


def _wrong(shape: Convolution) -> str:
    """Return that MindSpore and NumPy disagree about a convolution; empty if they agree."""
    generator = np.random.default_rng(0)
    x, weight = (generator.normal(size=size) for size in (shape.inputs, shape.weight_shape))
    dy = generator.normal(size=reference.forward(shape, x, weight).shape)
    bias = generator.normal(size=shape.outputs)
    received = _computed(shape, x, weight, bias, dy)
    return _difference(shape.name, received, _expected(shape, x, weight, bias, dy))


def _difference(name: str, received: Sequence[Array], expected: Sequence[Array]) -> str:
    difference = reference.largest_difference(received, expected)
    if difference <= _TOLERANCE:
        return ""
    return f"the self-test failed: {name} differs by {difference:.1e} of the largest value"


def _expected(shape: Convolution, x: Array, weight: Array, bias: Array, dy: Array) -> list[Array]:
    y = reference.forward(shape, x, weight)
    gradients = reference.gradients(shape, x, weight, dy)
    if not shape.bias:
        return [y, *gradients[:2]]
    return [y + bias.reshape(-1, *[1] * shape.dimensions), *gradients]


def _computed(shape: Convolution, *arrays: Array) -> list[Array]:
    """Return output and gradients as MindSpore computes them."""
    import mindspore as ms
    from mindspore import Tensor, ops

    x, weight, bias, dy = (Tensor(array.astype(np.float32)) for array in arrays)
    convolve, inputs = _function(shape), [x, weight, bias][: 2 + shape.bias]

    def weighted(*inputs: Tensor) -> Tensor:
        return ops.ReduceSum()(ops.Mul()(convolve(*inputs), dy))

    gradients: Sequence[Any] = ms.grad(weighted, tuple(range(len(inputs))))(*inputs)
    return [tensor.asnumpy() for tensor in (convolve(*inputs), *gradients)]


def _function(shape: Convolution) -> Any:
    """Return MindSpore's operator, as a function of input, weight and, if it has one, bias."""
    from mindspore import ops

    kind = ops.Conv2D if shape.dimensions == 2 else ops.Conv3D
    options = {"stride": shape.stride, "dilation": shape.dilation, "group": shape.groups}
    convolve = kind(shape.outputs, shape.kernel, 1, "pad", shape.pad, **options)
    add = ops.BiasAdd()
    return lambda x, weight, *bias: add(convolve(x, weight), *bias) if bias else convolve(x, weight)


def _wrong_batch_norm(size: tuple[int, ...]) -> str:
    """Return that MindSpore and NumPy disagree about BatchNorm; empty if they agree."""
    generator = np.random.default_rng(0)
    x, dy = generator.normal(size=size), generator.normal(size=size)
    gamma, beta, mean = (generator.normal(size=size[1]) for _ in range(3))
    variance = generator.uniform(0.5, 2, size=size[1])
    expected = [
        batch_norm_reference.inference(x, gamma, beta, mean, variance),
        batch_norm_reference.forward(x, gamma, beta),
        *batch_norm_reference.gradients(x, gamma, dy),
    ]
    return _difference("BatchNorm", _batch_norm(x, dy, gamma, beta, mean, variance), expected)


def _batch_norm(x: Array, dy: Array, *values: Array) -> list[Array]:
    """Return output in inference, then output and gradients in training, by MindSpore."""
    import mindspore as ms
    from mindspore import Tensor, nn, ops

    inputs, upstream = (Tensor(array.astype(np.float32)) for array in (x, dy))
    cell = nn.BatchNorm2d(x.shape[1], batch_norm_reference.EPSILON)
    weights = (cell.gamma, cell.beta, cell.moving_mean, cell.moving_variance)
    for parameter, value in zip(weights, values, strict=True):
        parameter.set_data(Tensor(value.astype(np.float32)))

    def weighted(inputs: Tensor) -> Tensor:
        return ops.ReduceSum()(ops.Mul()(cell(inputs), upstream))

    outputs = [cell.set_train(False)(inputs), cell.set_train()(inputs)]
    dx, gradients = ms.grad(weighted, 0, ms.ParameterTuple(weights[:2]))(inputs)
    return [tensor.asnumpy() for tensor in (*outputs, dx, *gradients)]


def _unused(counts: native_library.Counts) -> str:
    """Return that the library was not used although all results are right."""
    if counts.failed or not counts.executed:
        return f"the self-test failed: {counts.executed} executions, {counts.failed} failed"
    return ""


if __name__ == "__main__":
    main()

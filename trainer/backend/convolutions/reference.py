"""Reference: a convolution and its gradients in plain NumPy, of any number of dimensions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_Index = Any  # of an array; mypy knows no tuples of its elements


@dataclass(frozen=True)
class Convolution:
    """The shape of a convolution; all numbers are the same in each dimension.

    Attributes:
        name: for messages.
        inputs: samples, channels, then the size in each dimension.
        outputs: channels of the output.
        kernel: its size.
        stride: of the kernel.
        pad: zeros around the input.
        dilation: distance between the elements of the kernel.
        groups: of channels.
        bias: whether a number is added to each channel of the output.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: int
    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = False

    @property
    def dimensions(self) -> int:
        """The number of dimensions."""
        return len(self.inputs) - 2

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weight."""
        channels = self.inputs[1] // self.groups
        return (self.outputs, channels, *[self.kernel] * self.dimensions)


def forward(shape: Convolution, x: Array, weight: Array) -> Array:
    """Return the output, without the bias."""
    padded, w = _padded(shape, x), _grouped(weight, shape.groups)
    parts = [
        np.einsum("ngc...,goc->ngo...", _grouped(padded[window], shape.groups, 1), w[at])
        for at, window in _windows(shape)
    ]
    total = np.sum(parts, axis=0)
    return total.reshape(len(total), shape.outputs, *total.shape[3:])


def gradients(shape: Convolution, x: Array, weight: Array, dy: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of input, weight and bias, given that of the output."""
    padded, w = _padded(shape, x), _grouped(weight, shape.groups)
    dy_groups = _grouped(dy, shape.groups, 1)
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for at, window in _windows(shape):
        part = np.einsum("ngo...,goc->ngc...", dy_groups, w[at])
        dx[window] += part.reshape(padded[window].shape)
        met = _grouped(padded[window], shape.groups, 1)
        dw[at] = np.einsum(
            "ngop,ngcp->goc", *(a.reshape(*a.shape[:3], -1) for a in (dy_groups, met))
        )
    inner = tuple(slice(shape.pad, size - shape.pad) for size in padded.shape[2:])
    db = dy.sum(axis=(0, *range(2, dy.ndim)))
    return dx[(slice(None), slice(None), *inner)], dw.reshape(weight.shape), db


def _padded(shape: Convolution, x: Array) -> Array:
    return np.pad(x, [(0, 0), (0, 0), *[(shape.pad, shape.pad)] * shape.dimensions])


def _grouped(array: Array, groups: int, axis: int = 0) -> Array:
    """Divide an axis of channels into groups."""
    size = array.shape
    return array.reshape(*size[:axis], groups, size[axis] // groups, *size[axis + 1 :])


def _flat(array: Array) -> Array:
    """Join the dimensions after the samples, groups and channels into one."""
    return array.reshape(*array.shape[:3], -1)


def _windows(shape: Convolution) -> Iterator[tuple[_Index, _Index]]:
    """Yield each element of the kernel: its place in the weight, and what it meets of the input."""
    for position in product(range(shape.kernel), repeat=shape.dimensions):
        spans = map(_span, [shape] * shape.dimensions, position, shape.inputs[2:])
        yield (..., *position), (slice(None), slice(None), *spans)


def _span(shape: Convolution, position: int, size: int) -> slice:
    """Return the elements of one dimension of the input that an element of the kernel meets."""
    start = position * shape.dilation
    reach = (shape.kernel - 1) * shape.dilation
    steps = (size + 2 * shape.pad - reach - 1) // shape.stride + 1
    return slice(start, start + steps * shape.stride - shape.stride + 1, shape.stride)


def largest_difference(received: Sequence[Array], expected: Sequence[Array]) -> float:
    """Return the largest difference, as a share of the largest expected value."""
    return max(
        float(np.abs(a - b).max() / np.abs(b).max()) if a.shape == b.shape else np.inf
        for a, b in zip(received, expected, strict=True)
    )

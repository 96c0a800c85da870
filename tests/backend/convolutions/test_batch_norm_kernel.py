"""The library's BatchNorm, without MindSpore."""

import ctypes
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.cpp_build import OPTIONS, SOURCES, WARNINGS
from tests.support.environments import ROOT, run
from trainer.backend.convolutions import batch_norm_reference

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("c++") is None,
    reason="the library is built on Linux with a C++ compiler",
)

Array = np.ndarray[Any, Any]
Batch = tuple[Array, Array, Array]  # input, gradient of the output, six values per channel

TOLERANCE = 3e-6  # of the largest element
SHAPES = [
    (1, 1, 1, 1),
    (8, 64, 1, 1),
    (3, 17, 5, 5),
    (2, 513, 2, 2),
    (4, 5, 16, 16),
    (2, 3, 17, 31),
]


def build(folder: Path, *options: str) -> ctypes.CDLL:
    path = folder / "kernel.so"
    sources = (SOURCES / "batch_norm_kernel.cpp", ROOT / "tests/support/batch_norm_kernel.cpp")
    visible = ("-fvisibility=default", f"-I{SOURCES}", *options)
    run("c++", *OPTIONS, *WARNINGS, *visible, *sources, "-o", path)
    return ctypes.CDLL(str(path))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("kernel"))


@pytest.fixture(scope="module")
def kernel_without_vectors(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """As on a processor without AVX2 and AVX-512."""
    options = ("-D__builtin_cpu_supports(name)=false", "-Wno-unused-function")
    return build(tmp_path_factory.mktemp("without_vectors"), *options)


def batch(shape: tuple[int, ...], mean: float = 0) -> Batch:
    random = np.random.default_rng(0)
    x, dy = random.normal(mean, 1, shape), random.normal(size=shape)
    values = random.normal(size=(6, shape[1]))
    values[3] = random.uniform(0.5, 2, shape[1])
    return x.astype(np.float32), dy.astype(np.float32), values.astype(np.float32)


def compute(
    kernel: ctypes.CDLL, batch: Batch, is_inference: bool, ranges: int = 1
) -> tuple[Array, Array, Array]:
    """Return output, gradient of the input and the values per channel."""
    x, dy, values = (array.copy() for array in batch)
    y, dx = np.full_like(x, np.nan), np.full_like(x, np.nan)
    shape = (ctypes.c_size_t * 3)(x.shape[0], x.shape[1], int(np.prod(x.shape[2:])))
    x_, dy_, values_, y_, dx_ = (ctypes.c_void_p(a.ctypes.data) for a in (x, dy, values, y, dx))
    count = ctypes.c_size_t(ranges)
    kernel.forward(shape, is_inference, x_, values_, y_, count)
    kernel.backward(shape, is_inference, x_, dy_, values_, dx_, count)
    return y, dx, values


def assert_close(received: Array, expected: Array) -> None:
    np.testing.assert_allclose(
        received, expected, rtol=0, atol=TOLERANCE * max(np.abs(expected).max(), 1e-3)
    )


@pytest.mark.parametrize("mean", [0, 10])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_equals_numpy(kernel: ctypes.CDLL, shape: tuple[int, ...], mean: float) -> None:
    x, dy, values = batch(shape, mean)
    y, dx, results = compute(kernel, (x, dy, values), is_inference=False)
    exact, gamma, beta = x.astype(np.float64), *values[:2].astype(np.float64)
    assert_close(y, batch_norm_reference.forward(exact, gamma, beta))
    assert_close(results[2], exact.mean((0, 2, 3)))
    assert_close(results[3], exact.var((0, 2, 3)))
    expected = batch_norm_reference.gradients(exact, gamma, dy.astype(np.float64))
    for gradient, reference in zip((dx, results[4], results[5]), expected, strict=True):
        assert_close(gradient, reference)


@pytest.mark.parametrize("shape", SHAPES)
def test_inference_equals_numpy(kernel: ctypes.CDLL, shape: tuple[int, ...]) -> None:
    x, dy, values = batch(shape)
    y, dx, results = compute(kernel, (x, dy, values), is_inference=True)
    np.testing.assert_array_equal(results[:4], values[:4])
    exact, dy = x.astype(np.float64), dy.astype(np.float64)
    gamma, beta, mean, variance = values[:4].astype(np.float64)
    assert_close(y, batch_norm_reference.inference(exact, gamma, beta, mean, variance))
    zeros, ones = np.zeros_like(gamma), np.ones_like(gamma)
    normalized = batch_norm_reference.inference(exact, ones, zeros, mean, variance)
    assert_close(dx, batch_norm_reference.inference(dy, gamma, zeros, zeros, variance))
    assert_close(results[4], (dy * normalized).sum((0, 2, 3)))
    assert_close(results[5], dy.sum((0, 2, 3)))


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_depend_neither_on_threads_nor_on_the_instruction_set(
    kernel: ctypes.CDLL, kernel_without_vectors: ctypes.CDLL, shape: tuple[int, ...]
) -> None:
    expected = compute(kernel, batch(shape), is_inference=False)
    for other in (
        compute(kernel, batch(shape), is_inference=False, ranges=3),
        compute(kernel_without_vectors, batch(shape), is_inference=False),
    ):
        for array, reference in zip(other, expected, strict=True):
            np.testing.assert_array_equal(array, reference)

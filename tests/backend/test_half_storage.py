"""Float16 parameters in cells of many kinds: outputs are those of the rounded float32 values."""

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend import half_storage
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import ConfigError

_random = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return _random.normal(size=shape).astype(np.float32)


class Tied(nn.Cell):
    """Uses the embedding's table in its own construct."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.dense = nn.Dense(6, 6)

    def construct(self, x: Tensor) -> Tensor:
        return ops.matmul(self.dense(self.embedding(x)), self.embedding.embedding_table.T)


class InMethod(nn.Cell):
    """Uses its parameters in methods that its construct calls."""

    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(values(6, 6), name="w")
        self.b = Parameter(values(6), name="b")

    def construct(self, x: Tensor) -> Tensor:
        return self.product(x) + self.shift()

    def shift(self) -> Tensor:
        return self.b * 2

    def product(self, x: Tensor) -> Tensor:
        return ops.matmul(x, self.w)


class Inherited(nn.Dense):
    """Calls the construct of its base class."""

    def construct(self, x: Tensor) -> Tensor:
        return super().construct(x) * 2


class Branching(nn.Cell):
    """Has an input with a default, and rebinds the other one."""

    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(values(6), name="w")

    def construct(self, x: Tensor, scale: float = 2.0) -> Tensor:
        x = ops.relu(x)
        return x * self.w * scale


CELLS: dict[str, tuple[Callable[[], nn.Cell], np.ndarray]] = {
    "Dense": (lambda: nn.Dense(6, 4), values(3, 6)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, has_bias=True), values(2, 3, 8, 8)),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3), values(2, 3, 8)),
    "depthwise": (lambda: nn.Conv2d(4, 4, 3, group=4), values(2, 4, 8, 8)),
    "Conv2dTranspose": (lambda: nn.Conv2dTranspose(3, 4, 3), values(2, 3, 8, 8)),
    "Embedding": (lambda: nn.Embedding(10, 6), np.array([[1, 2]], np.int32)),
    "LSTM": (lambda: nn.LSTM(6, 5, batch_first=True), values(2, 3, 6)),
    "attention": (lambda: nn.TransformerEncoderLayer(6, 2, 8, 0.0), values(2, 3, 6)),
    "tied": (Tied, np.array([[1, 2]], np.int32)),
    "in a method": (InMethod, values(3, 6)),
    "inherited": (lambda: Inherited(6, 4), values(3, 6)),
    "with a default": (Branching, values(3, 6)),
}
_SLOW = ("Conv2dTranspose", "LSTM", "attention")
KINDS = [pytest.param(k, marks=pytest.mark.slow) if k in _SLOW else k for k in CELLS]


def output(cell: nn.Cell, x: np.ndarray) -> np.ndarray:
    """Return the output of a new graph."""
    result = nn.SequentialCell(cell).set_train(False)(Tensor(x))
    return (result[0] if isinstance(result, tuple) else result).asnumpy()


def names(cell: nn.Cell) -> set[str]:
    return {name for name, _ in cell.parameters_and_names()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_computes_in_float32_with_the_rounded_values(kind: str) -> None:
    make, x = CELLS[kind]
    cell = make()
    original = {type(inner) for _, inner in cell.cells_and_names()}
    half_storage.round_values(cell, names(cell))
    expected, weights = output(cell, x), to_numpy(cell)
    undo = half_storage.store_in_half(cell, names(cell))
    assert {array.dtype.name for array in to_numpy(cell).values()} == {"float16"}
    received = output(cell, x)
    assert received.dtype == np.float32
    assert np.array_equal(received, expected)
    undo()
    assert {type(inner) for _, inner in cell.cells_and_names()} == original
    assert all(np.array_equal(weights[name], array) for name, array in to_numpy(cell).items())
    assert {array.dtype.name for array in to_numpy(cell).values()} == {"float32"}
    assert np.array_equal(output(cell, x), expected)


@pytest.mark.parametrize("kind", ["Dense", "tied"])
def test_so_it_does_without_a_graph(kind: str) -> None:
    make, x = CELLS[kind]
    cell = make()
    half_storage.round_values(cell, names(cell))
    ms.set_context(mode=ms.PYNATIVE_MODE)
    try:
        expected = output(cell, x)
        half_storage.store_in_half(cell, names(cell))
        assert np.array_equal(output(cell, x), expected)
    finally:
        ms.set_context(mode=ms.GRAPH_MODE)


def test_a_cell_that_computes_in_half_precision_does_so_still() -> None:
    cell, x = nn.Dense(6, 4).to_float(ms.float16), values(3, 6)
    expected = output(cell, x)
    half_storage.store_in_half(cell, names(cell))
    assert type(cell) is nn.Dense
    received = output(cell, x)
    assert received.dtype == np.float16
    assert np.array_equal(received, expected)


def test_only_what_is_named_is_converted() -> None:
    cell = nn.Dense(6, 4)
    half_storage.store_in_half(cell, {"weight"})
    assert (cell.weight.dtype, cell.bias.dtype) == (ms.float16, ms.float32)
    assert output(cell, values(3, 6)).shape == (3, 4)


def test_values_too_large_are_refused_and_nothing_is_changed() -> None:
    cell = nn.Dense(2, 2)
    cell.weight.set_data(Tensor(np.array([[1, 2], [3, 7e4]], np.float32)))
    before = to_numpy(cell)
    for convert in (half_storage.store_in_half, half_storage.round_values):
        with pytest.raises(ConfigError, match="values up to 65,504 .* larger ones in weight"):
            convert(cell, names(cell))
    assert all(np.array_equal(before[name], array) for name, array in to_numpy(cell).items())
    cell.weight.set_data(Tensor(np.array([[1, 2], [3, np.inf]], np.float32)))
    half_storage.store_in_half(cell, names(cell))  # infinity is no matter of the type

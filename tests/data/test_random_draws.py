"""Which pipelines draw random numbers in an order that cannot be repeated."""

from collections.abc import Callable
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.dataset import transforms
from numpy.typing import NDArray

from trainer.data import batches
from trainer.data.random_draws import racing_operations

Array = NDArray[Any]


def noisy(x: Array) -> Array:
    return x + np.random.rand()


def doubled(x: Array) -> Array:
    return 2 * x


class Noisy:
    """A source that draws."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        return np.full(2, index + np.random.rand(), np.float32), np.asarray(index, np.int32)


def rows() -> list[tuple[Array, Array]]:
    return [(np.full(2, n, np.float32), np.asarray(n, np.int32)) for n in range(24)]


def mapped(function: Any, workers: int, processes: bool = False) -> ds.Dataset:
    source = ds.GeneratorDataset(rows(), ["x", "y"], shuffle=True)
    options = {"num_parallel_workers": workers, "python_multiprocessing": processes}
    return source.map(function, ["x"], **options).batch(4)


def noisy_source(**options: Any) -> ds.Dataset:
    return ds.GeneratorDataset(Noisy(), ["x", "y"], shuffle=True, **options).batch(4)


def racing(pipeline: ds.Dataset) -> list[str]:
    next(batches.columns(pipeline, 3, 0))
    return racing_operations(pipeline, 3)


@pytest.mark.parametrize(
    ("make", "operations"),
    [
        (lambda: mapped(noisy, 2), ["map"]),
        (lambda: mapped([doubled, noisy], 2), ["map"]),
        (lambda: mapped(transforms.Compose([noisy]), 2), ["map"]),
        (lambda: mapped(noisy, 1), []),
        (lambda: mapped(doubled, 2), []),
        (lambda: noisy_source(num_parallel_workers=1), []),
        (
            lambda: noisy_source(num_parallel_workers=2, python_multiprocessing=False),
            ["generator"],
        ),
    ],
)
def test_draws_in_several_threads_are_found(
    make: Callable[[], ds.Dataset], operations: list[str]
) -> None:
    assert racing(make()) == operations


def epoch(pipeline: ds.Dataset) -> list[bytes]:
    return [column.tobytes() for batch in batches.columns(pipeline, 3, 1) for column in batch]


def test_draws_in_processes_can_be_repeated() -> None:
    pipeline = noisy_source(num_parallel_workers=2, python_multiprocessing=True)
    assert racing(pipeline) == []
    assert epoch(pipeline) == epoch(pipeline)

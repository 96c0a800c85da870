"""Random numbers that custom code draws from generators that all threads share."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from trainer.core.errors import BadData
from trainer.data.adapters.adapt import adapt


def from_torch() -> float:
    return float(pytest.importorskip("torch").rand(1))


DRAWS = {"random": random.random, "numpy": np.random.rand, "torch": from_torch}


class Noisy:
    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> Any:
        return np.asarray([index, self.draw()]), 0


def read(dataset: Any, workers: int, epoch: int) -> list[Any]:
    def one(index: int) -> Any:
        return dataset.read(index, np.random.default_rng([epoch, index]))[0].tolist()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(len(dataset))))


@pytest.mark.parametrize("draw", DRAWS)
def test_they_depend_on_the_sample_and_its_generator_alone(draw: str) -> None:
    dataset = adapt(Noisy(DRAWS[draw]), "train")
    assert dataset.draws
    expected = read(dataset, 1, epoch=1)
    assert len({noise for _, noise in expected}) == 64
    assert read(dataset, 4, epoch=1) == expected
    assert read(dataset, 4, epoch=2) != expected


def test_samples_without_them_are_read_as_they_are() -> None:
    dataset = adapt(Noisy(lambda: 0.5), "train")
    assert not dataset.draws
    assert read(dataset, 4, epoch=1)[3] == [3, 0.5]


def test_a_broken_sample_is_reported_for_itself_alone() -> None:
    class Broken(Noisy):
        def __getitem__(self, index: int) -> Any:
            return np.zeros(2), 1 // index

    dataset = adapt(Broken(None), "train")
    assert dataset.read(1, np.random.default_rng(0))[-1] == 1
    with pytest.raises(BadData, match="sample 0 of train: ZeroDivisionError"):
        dataset.read(0, np.random.default_rng(0))

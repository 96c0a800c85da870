"""Generators that Python code of a pipeline holds itself are found where it refers to them."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.dataset import transforms

from trainer.data.own_generators import holders

GLOBAL = np.random.default_rng(0)


def by_global(x: Any) -> Any:
    return x + GLOBAL.random()


def by_another(x: Any) -> Any:
    return by_global(x)


def by_closure() -> Callable[[Any], Any]:
    generator = np.random.RandomState(0)
    return lambda x: x + generator.rand()


def by_default(x: Any, generator: random.Random = random.Random(0)) -> Any:  # noqa: B008
    return x + generator.random()


class ByAttribute:
    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)

    def __call__(self, x: Any) -> Any:
        return x + self.generator.random()

    def add(self, x: Any) -> Any:
        return self(x)


def by_module(x: Any) -> Any:
    return x + np.random.rand() + random.random()


def add(x: Any, generator: np.random.Generator) -> Any:
    return x + generator.random()


def mapped(function: Any) -> ds.Dataset:
    rows = [(np.zeros(2, np.float32),)]
    return ds.GeneratorDataset(rows, ["x"]).map(function, ["x"]).batch(1)


@pytest.mark.parametrize(
    "function",
    [
        by_global,
        by_another,
        by_closure(),
        by_default,
        ByAttribute(),
        ByAttribute().add,
        partial(add, generator=GLOBAL),
        transforms.Compose([by_global]),
    ],
    ids=["global", "another", "closure", "default", "object", "method", "partial", "compose"],
)
def test_a_generator_is_found_where_a_function_refers_to_it(function: Any) -> None:
    assert holders(mapped(function)) == ["map"]


@pytest.mark.parametrize("function", [by_module, np.negative, transforms.TypeCast(np.float32)])
def test_the_generators_that_are_seeded_are_none_of_them(function: Any) -> None:
    assert holders(mapped(function)) == []


class Rows:
    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Any]:
        return (self.generator.random(2),)


def test_a_source_may_hold_one() -> None:
    assert holders(ds.GeneratorDataset(Rows(), ["x"]).batch(2)) == ["generator"]

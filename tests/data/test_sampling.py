from itertools import product

import numpy as np
import pytest

from trainer.core.errors import ConfigError
from trainer.data.sampling import (
    balanced_order,
    batch_count,
    batch_generator,
    rank_places,
    repeats,
    sample_generator,
    shuffled_order,
)


def test_each_generator_is_another() -> None:
    keys = list(product((0, 1, 2**40), (0, 1), (0, 1, 70_000), (0, 1)))
    draws = {sample_generator(*key).integers(2**63) for key in keys}
    draws |= {batch_generator(*key[:3]).integers(2**63) for key in keys[::2]}
    assert len(draws) == len(keys) + len(keys[::2])
    assert sample_generator(3, 1, 4).random() == sample_generator(3, 1, 4).random()


def test_draws_are_those_of_earlier_versions() -> None:
    assert sample_generator(1, 2, 3).integers(0, 1000, 4).tolist() == [942, 360, 239, 90]
    assert shuffled_order(6, 1, 2).tolist() == [3, 2, 0, 4, 5, 1]


def test_generators_of_neighbours_are_independent() -> None:
    draws = np.array([sample_generator(0, 0, index).random(2) for index in range(4000)])
    assert abs(draws.mean() - 0.5) < 0.015
    for pair in ((draws[1:, 0], draws[:-1, 0]), (draws[:, 0], draws[:, 1])):
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.05


def test_negative_seeds_are_seeds() -> None:
    assert sample_generator(-1, 0, 0).random() != sample_generator(1, 0, 0).random()


def test_orders() -> None:
    first, again, epoch, seed = (
        shuffled_order(50, s, e) for s, e in ((1, 1), (1, 1), (1, 2), (2, 1))
    )
    assert first.tolist() == again.tolist()
    assert sorted(first) == list(range(50))
    assert first.tolist() != epoch.tolist() != seed.tolist()


def test_balanced_order() -> None:
    labels = np.repeat([0, 1, 3], [90, 9, 1])
    order = balanced_order(labels, 0, 0)
    assert np.bincount(labels[order]).tolist() in (
        [34, 33, 0, 33],
        [33, 34, 0, 33],
        [33, 33, 0, 34],
    )
    assert len(set(order[labels[order] == 0])) == (labels[order] == 0).sum()
    times = np.bincount(order, minlength=100)[90:99]
    assert set(times) <= {3, 4}
    assert order.tolist() != balanced_order(labels, 0, 1).tolist()


def test_balanced_order_of_more_classes_than_images_per_class() -> None:
    labels = np.arange(7)
    assert sorted(balanced_order(labels, 0, 0)) == list(range(7))


def test_balanced_order_needs_classes() -> None:
    for labels in (np.zeros((4, 2), np.int32), np.zeros(4, np.float32)):
        with pytest.raises(ConfigError, match="sampler=balanced: expected one class per image"):
            balanced_order(labels, 0, 0)


def test_repeats() -> None:
    assert repeats(np.array([4, 2, 4, 4, 2, 0])).tolist() == [0, 0, 1, 2, 1, 0]
    assert repeats(np.array([], np.int64)).tolist() == []
    assert not repeats(shuffled_order(100, 0, 0)).any()


@pytest.mark.parametrize(
    ("count", "batch_size", "drop", "batches"),
    [(10, 4, True, 2), (10, 4, False, 3), (8, 4, False, 2)],
)
def test_batch_count(count: int, batch_size: int, drop: bool, batches: int) -> None:
    assert batch_count(count, batch_size, drop) == batches


def test_places_of_ranks() -> None:
    places = np.arange(11)
    one = [places[rank_places(11, 4, batch, 0, 1)].tolist() for batch in range(3)]
    assert one == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    two = [[places[rank_places(11, 4, b, rank, 2)].tolist() for rank in (0, 1)] for b in range(3)]
    assert two == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8], [9]]]

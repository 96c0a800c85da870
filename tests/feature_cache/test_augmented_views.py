"""Which view of which sample an epoch has."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.backend.batch_types import Columns
from trainer.feature_cache.augmented_views import AugmentedViews
from trainer.feature_cache.stored_view import StoredView

SIZES = [4, 4, 3]
SAMPLES = sum(SIZES)


class FakeFeatures:
    """Features of a sample: the numbers of its view and of itself."""

    def __init__(self) -> None:
        self.added: list[tuple[int, int]] = []
        self.rows: dict[bytes, NDArray[Any]] = {}
        self.views: dict[int, StoredView] = {}

    def add(self, inputs: Columns, full_size: int) -> list[bytes]:
        self.added.append((len(inputs[0]), full_size))
        digests = [row.tobytes() for row in inputs[0]]
        self.rows |= dict(zip(digests, inputs[0], strict=True))
        return digests

    def read(self, digests: Sequence[bytes]) -> list[NDArray[Any]]:
        return [np.stack([self.rows[digest] for digest in digests])]


def columns(view: int) -> Iterator[list[NDArray[Any]]]:
    """Batches of (view, sample) with ten times the sample as label."""
    first = 0
    for size in SIZES:
        samples = np.arange(first, first + size)
        yield [np.stack([np.full(size, view), samples], axis=1), 10 * samples]
        first += size


def epochs(count: int, number: int, seed: int = 0) -> tuple[list[NDArray[Any]], FakeFeatures]:
    """The samples of some epochs, in order, and the features."""
    features: Any = FakeFeatures()
    views = AugmentedViews(features, columns, count, seed)
    every = []
    for epoch in range(1, number + 1):
        batches = list(views.batches(epoch))
        assert [len(label) for _, label in batches] == SIZES
        rows = np.concatenate([row for row, _ in batches])
        assert (10 * rows[:, 1] == np.concatenate([label for _, label in batches])).all()
        every.append(rows)
    return every, features


def test_each_epoch_has_every_sample_once_and_all_of_one_view() -> None:
    every, _ = epochs(3, 6)
    for rows in every:
        assert len(set(rows[:, 0])) == 1
        assert sorted(rows[:, 1]) == list(range(SAMPLES))


def test_each_view_is_used_once_before_any_is_used_again() -> None:
    every, features = epochs(3, 6)
    numbers = [int(rows[0, 0]) for rows in every]
    assert sorted(numbers[:3]) == sorted(numbers[3:]) == [1, 2, 3]
    assert len(features.added) == 3 * len(SIZES), "a view is computed once"


def test_orders_differ_from_epoch_to_epoch_and_are_those_of_the_seed() -> None:
    (every, _), (again, _), (other, _) = (epochs(2, 6, seed) for seed in (0, 0, 1))
    orders = Counter(tuple(rows[:, 1]) for rows in [*every, *other])
    assert len(orders) == 12
    assert all((one == two).all() for one, two in zip(every, again, strict=True))


def test_a_smaller_batch_is_added_with_the_size_of_the_largest() -> None:
    _, features = epochs(1, 1)
    assert features.added == [(4, 4), (4, 4), (3, 4)]

"""Features of a later boundary, computed from those of an earlier one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn
from numpy.typing import NDArray

from tests.support.nets import Normed, TwoConvs
from tests.support.stored import Stages, TwoEyes, batches, store_of, stored, trial, whole
from tests.support.training import plan_of, rule
from trainer.backend.batch_types import Columns
from trainer.config.rules import Rule
from trainer.core.tensors import same_bits
from trainer.feature_cache.augmented_views import AugmentedViews
from trainer.feature_cache.cacheable import Cacheable, find_cacheable
from trainer.feature_cache.features import Features
from trainer.freezing.plan import Plan
from trainer.models.lenet5 import LeNet5

INNER = tuple(f"stages.1.{name}" for name in ("conv1", "bn1", "conv2"))
STEM = ("stem", "stages.0")
TWO_CELLS = rule(*STEM, *INNER, method="requires_grad")
PAIRS = {
    "residual": (Stages, rule("stem"), rule(*STEM), ("stages.0",)),
    "to two cells": (Stages, rule(*STEM), TWO_CELLS, ("stages.0", "stages.1.conv2")),
    "from two cells": (Stages, TWO_CELLS, rule("stem", "stages"), ("stages",)),
    "norm": (Normed, rule("conv1"), rule("conv1", "bn1"), ("bn1",)),
    "lenet": (LeNet5, rule("conv1"), rule("conv1", "conv2"), ("conv2", "flatten")),
}


class Watched(Features):
    """Features that count the batches that were computed from the inputs of the model."""

    from_inputs = 0

    def _compute(self, inputs: Columns, full_size: int) -> list[NDArray[Any]]:
        self.from_inputs += self._source is None
        return super()._compute(inputs, full_size)


def data_of(net: nn.Cell, seed: int = 5) -> list[Columns]:
    """Batches of six, six and four samples."""
    if not isinstance(net, LeNet5):
        return list(batches(smaller=True))
    random, sizes = np.random.default_rng(seed), (6, 6, 4)
    images = [random.normal(size=(size, 1, 32, 32)).astype(np.float32) for size in sizes]
    return [[column, np.arange(len(column), dtype=np.int32) % 3] for column in images]


def found(net: nn.Cell, given: Rule) -> tuple[Plan, Cacheable]:
    """The plan of a rule, and what can be stored under it."""
    batch = data_of(net)[0]
    plan = plan_of(net, given, batch=[Tensor(column) for column in batch])
    return plan, find_cacheable(trial(net, plan, batch))


def rows(features: Features, data: Sequence[Columns]) -> list[NDArray[Any]]:
    return [column for batch in features.batches(data, 6) for column in batch]


def earlier(net: nn.Cell, given: Rule, folder: Path) -> Watched:
    """Features of a boundary, computed for all data but the last batch."""
    _, cacheable = found(net, given)
    features = Watched(net, cacheable, store_of(cacheable, folder))
    rows(features, data_of(net)[:2])
    assert features.from_inputs == 2
    return features


@pytest.mark.parametrize("name", PAIRS)
def test_they_have_the_bits_of_those_computed_from_the_inputs(name: str, tmp_path: Path) -> None:
    kind, first, second, boundary = PAIRS[name]
    net = kind()
    data, source = data_of(net), earlier(net, first, tmp_path / "first")
    plan, cacheable = found(net, second)
    assert set(cacheable.boundary.stored) <= {*boundary} and source.feeds(cacheable)
    alone = Watched(net, cacheable, store_of(cacheable, tmp_path / "alone"))
    features = Watched(net, cacheable, store_of(cacheable, tmp_path / "own"), source=source)
    expected = rows(alone, data)
    for one, other in zip(rows(features, data), expected, strict=True):
        assert same_bits(one, other)
    assert features.from_inputs == 0 and source.from_inputs == 3  # a batch that it did not have
    without, with_store = whole(net, plan, data), stored(net, plan, features, data)
    assert with_store.losses == without.losses
    for weight in without.weights:
        assert same_bits(without.weights[weight], with_store.weights[weight]), weight


def test_the_source_is_closed_once_it_has_been_used(tmp_path: Path) -> None:
    net = TwoConvs()
    data, source = data_of(net), earlier(net, rule("conv1"), tmp_path / "first")
    _, cacheable = found(net, rule("conv2"))
    features = Watched(net, cacheable, store_of(cacheable, tmp_path / "own"), source=source)
    rows(features, [[column[:5] for column in data[0]]])
    assert len(source._store) == 12 and len(features._store) == 5
    rows(features, [[column[:3] for column in data[1]]])  # the last four are not asked for
    assert len(source._store) == 0 and len(features._store) == 12
    rows(features, data)
    assert (source.from_inputs, features.from_inputs) == (3, 0) and len(source._store) == 0


def test_a_source_has_no_source_of_its_own(tmp_path: Path) -> None:
    net = TwoConvs()
    data, source = data_of(net), earlier(net, rule("conv1"), tmp_path / "first")
    _, cacheable = found(net, rule("conv2"))
    features = Watched(net, cacheable, store_of(cacheable, tmp_path / "own"), source=source)
    rows(features, data[:2])
    assert features.as_source() is features and features._source is None
    assert rows(features, data) and features.from_inputs == 1  # the last batch is new


def test_samples_are_read_by_their_digests_and_computed_from_the_source(tmp_path: Path) -> None:
    net = TwoConvs()
    source = earlier(net, rule("conv1"), tmp_path / "first")
    _, cacheable = found(net, rule("conv2"))
    digests = source.add(data_of(net)[0][:-1], 6)
    features = Watched(net, cacheable, store_of(cacheable, tmp_path / "own"), source=source)
    alone = Watched(net, cacheable, store_of(cacheable, tmp_path / "alone"))
    expected = rows(alone, data_of(net)[:1])
    for _ in range(2):
        assert same_bits(features.read(digests[::-1])[0], expected[0][::-1])
    assert (features.counts.computed, features.counts.read) == (6, 6)


def test_features_that_are_rounded_or_lie_elsewhere_are_no_source(tmp_path: Path) -> None:
    net, eyes = TwoConvs(), TwoEyes()
    _, front = found(net, rule("conv1"))
    _, back = found(net, rule("conv2"))
    halved = Features(net, front, store_of(front, tmp_path / "halved", "float16"))
    assert not halved.feeds(back)
    plain = Features(net, back, store_of(back, tmp_path / "plain"))
    assert not plain.feeds(front) and plain.feeds(back)
    _, one = found(eyes, rule("left"))
    _, both = found(eyes, rule("left", "right"))
    assert one.needs_inputs and not both.follows(one) and one.follows(both)


def test_features_that_are_not_complete_give_way_to_their_own_source(tmp_path: Path) -> None:
    net = TwoConvs()
    source = earlier(net, rule("conv1"), tmp_path / "first")
    _, cacheable = found(net, rule("conv2"))
    features = Watched(net, cacheable, store_of(cacheable, tmp_path / "own"), source=source)
    rows(features, [[column[:5] for column in data_of(net)[0]]])
    assert features.as_source() is source
    assert len(features._store) == 0 and len(source._store) == 12


def test_views_of_an_earlier_phase_are_not_read_again(tmp_path: Path) -> None:
    net, read = TwoConvs(), list[int]()

    def columns(number: int) -> list[Columns]:
        read.append(number)
        return [[images + number, labels] for images, labels in data_of(net)]

    _, front = found(net, rule("conv1"))
    _, back = found(net, rule("conv2"))
    first = Watched(net, front, store_of(front, tmp_path / "first"))
    views = AugmentedViews(first, columns, 2, seed=1)
    for epoch in (1, 2):
        list(views.batches(epoch))
    assert sorted(read) == [1, 2]
    second = Watched(net, back, store_of(back, tmp_path / "second"), source=first)
    views = AugmentedViews(second, columns, 2, seed=1)
    from_features = [list(views.batches(epoch)) for epoch in (3, 4)]
    assert sorted(read) == [1, 2] and len(first._store) == 0
    alone = AugmentedViews(Watched(net, back, store_of(back, tmp_path / "a")), columns, 2, seed=1)
    for epoch, batches_of_epoch in zip((3, 4), from_features, strict=True):
        for one, other in zip(batches_of_epoch, alone.batches(epoch), strict=True):
            assert all(same_bits(*pair) for pair in zip(one, other, strict=True))

import logging
from collections.abc import Callable, Iterator
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore import Tensor
from numpy.typing import NDArray

from trainer.core.errors import BadData
from trainer.data import batches as data
from trainer.datasets.arrays import pipeline
from trainer.distributed.world import World

IMAGES = np.arange(12, dtype=np.float32).reshape(12, 1)
LABELS = np.arange(12, dtype=np.int32)


def ours(shuffle: bool = True) -> ds.Dataset:
    return pipeline(IMAGES, LABELS, batch_size=4, shuffle=shuffle, drop_remainder=True)


def mindspores() -> ds.Dataset:
    return ds.NumpySlicesDataset((IMAGES, LABELS[:, None]), shuffle=True).batch(4)


def order(made: ds.Dataset, seed: int, epoch: int) -> list[int]:
    found = data.batches(made, seed, epoch)
    return [int(label) for _, labels in found for label in labels.asnumpy().ravel()]


def test_batches_are_tensors_with_the_label_last() -> None:
    first, *rest = data.batches(ours(shuffle=False), 0, 1)
    assert len(rest) == 2
    assert all(isinstance(column, Tensor) for column in first)
    assert first[0].asnumpy().tolist() == IMAGES[:4].tolist()
    assert first[1].asnumpy().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("make", [ours, mindspores])
def test_the_order_follows_from_seed_and_epoch_alone(make: type) -> None:
    made = make()
    first = order(made, 3, 2)
    assert sorted(first) == list(range(12))
    order(made, 3, 1)
    assert order(made, 3, 2) == order(make(), 3, 2) == first


def test_every_epoch_and_every_seed_has_an_order_of_its_own() -> None:
    made = ours()
    orders = [tuple(order(made, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


def test_the_largest_seed_and_epoch_are_taken() -> None:
    assert sorted(order(ours(), 2**31 - 1, 99_999)) == list(range(12))


def test_ranks_share_each_batch_in_its_order() -> None:
    made = ours()
    parts = [list(data.shard(data.columns(made, 3, 2), World(rank, 2))) for rank in (0, 1)]
    whole = [labels.asnumpy().tolist() for _, labels in data.batches(made, 3, 2)]
    for at, labels in enumerate(whole):
        assert [n for part in parts for n in part[at][1].tolist()] == labels


def test_what_does_not_divide_is_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    made = pipeline(
        IMAGES, LABELS, batch_size=5, shuffle=False, drop_remainder=False
    )  # 5, 5 and 2 samples
    with caplog.at_level(logging.WARNING, "trainer"):
        own = (data.shard(data.columns(made, 0, 1), World(rank, 3)) for rank in (0, 2))
        parts = [[label.tolist() for _, label in batches] for batches in own]
    assert parts == [[[0], [5]], [[2], [7]]]
    warning = " a batch of 5 does not divide among 3 ranks: samples dropped in every epoch: 2"
    assert [r.getMessage().partition(":")[2] for r in caplog.records].count(warning) == 1


class ReadOnce:
    """A source that is exhausted after one pass, such as a file that was opened before."""

    def __init__(self) -> None:
        self._rows = iter([(image, LABELS[n : n + 1]) for n, image in enumerate(IMAGES)])

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return self._rows


@pytest.mark.parametrize("read", [data.batches, data.columns])
def test_an_epoch_without_a_batch_is_an_error(read: Callable[..., Iterator[object]]) -> None:
    pipeline = ds.GeneratorDataset(ReadOnce(), ["pixels", "label"], shuffle=False).batch(4)
    assert len(list(read(pipeline, 0, 1))) == 3
    with pytest.raises(BadData, match="received none in epoch 2"):
        list(read(pipeline, 0, 2))


class Unreadable:
    """A source whose last sample cannot be read."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if index == 11:
            raise OSError("a truncated file")
        return IMAGES[index], LABELS[index : index + 1]


def test_a_sample_that_cannot_be_read_is_bad_data_with_its_own_error() -> None:
    pipeline = ds.GeneratorDataset(Unreadable(), ["pixels", "label"], shuffle=False).batch(4)
    with pytest.raises(BadData, match=r"^dataset: OSError: a truncated file \(.*\.py:\d+\)$"):
        list(data.batches(pipeline, 0, 1))

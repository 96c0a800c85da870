import os
import threading
import time
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.data.loader import LoadedBatch, Loader
from trainer.data.sample_error import SampleError
from trainer.data.sampling import balanced_order, batch_count, shuffled_order

BAD = {3, 4, 11}
Outs = list[NDArray[Any]]


def draw(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
    """Takes longer for some images, so that threads overtake each other."""
    if index % 5 == 0:
        time.sleep(0.002)
    out[0][:] = index + random.random(2) / 2
    return np.asarray(index, np.int32)


def damaged(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
    if index in BAD:
        raise SampleError(index, f"{index}.jpg: damaged")
    out[0][:] = index
    return np.asarray(index, np.int32)


def read(order: Any, epoch: int = 1, start: int = 0, **settings: Any) -> list[LoadedBatch]:
    options: dict[str, Any] = {"fetch": draw, "examples": [np.zeros(2)], "batch_size": 8}
    options |= settings
    count = batch_count(len(order), options["batch_size"], options.pop("drops", True))
    loader = Loader(**options)
    return list(loader.batches(np.asarray(order), epoch, range(start, count)))


def bits(batches: list[LoadedBatch]) -> list[tuple[int, bytes, list[int]]]:
    return [(b.number, b.inputs[0].tobytes(), b.labels.tolist()) for b in batches]


def test_order_and_sizes() -> None:
    order = shuffled_order(21, 0, 0)
    full, all_of_them = read(order), read(order, drops=False)
    assert [len(batch.labels) for batch in full] == [8, 8]
    assert [len(batch.labels) for batch in all_of_them] == [8, 8, 5]
    assert np.concatenate([batch.labels for batch in all_of_them]).tolist() == order.tolist()
    for batch in all_of_them:
        assert (batch.inputs[0].astype(int) == batch.labels[:, None]).all()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_workers_do_not_change_a_bit(workers: int, prefetch: int) -> None:
    order = shuffled_order(40, 0, 0)
    batches = read(order, workers=workers, prefetch=prefetch, batch_size=20)
    assert bits(batches) == bits(read(order, workers=1, batch_size=20))


def test_epochs_and_seeds_differ() -> None:
    runs = [read(range(8)), read(range(8), epoch=2), read(range(8), seed=1)]
    assert len({run[0].inputs[0].tobytes() for run in runs}) == 3


def test_ranks_read_their_part_only() -> None:
    order = shuffled_order(16, 0, 0)
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        seen.append(index)
        return draw(index, random, out)

    one = read(order)
    two = [read(order, fetch=fetch, rank=rank, world_size=2) for rank in (0, 1)]
    assert sorted(seen) == list(range(16))
    for whole, *parts in zip(one, *two, strict=True):
        together = np.concatenate([part.inputs[0] for part in parts])
        np.testing.assert_array_equal(whole.inputs[0], together)


def test_a_batch_with_fewer_samples_than_ranks_is_left_out() -> None:
    parts = [read(range(9), drops=False, rank=rank, world_size=2) for rank in (0, 1)]
    assert [[batch.labels.tolist() for batch in part] for part in parts] == [
        [[0, 1, 2, 3]],
        [[4, 5, 6, 7]],
    ]


def test_a_resumed_epoch_reads_nothing_before() -> None:
    order = shuffled_order(32, 0, 0)
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        seen.append(index)
        return draw(index, random, out)

    resumed = read(order, start=2, fetch=fetch)
    assert bits(resumed) == bits(read(order))[2:]
    assert sorted(seen) == sorted(order[16:])


def test_repeated_images_are_drawn_again() -> None:
    order = balanced_order(np.array([0] * 7 + [1]), 0, 0)
    images = read(order)[0].inputs[0][order == 7]
    assert len(images) == 4
    assert len({image.tobytes() for image in images}) == 4


def test_the_first_error_in_order_is_raised_when_its_batch_is_due() -> None:
    loader = Loader(damaged, [np.zeros(1)], 2, workers=3, prefetch=4)
    batches = loader.batches(np.arange(12), 0, range(6))
    assert next(batches).labels.tolist() == [0, 1]
    with pytest.raises(SampleError, match=r"3\.jpg: damaged"):
        list(batches)


def test_other_errors_are_raised_too() -> None:
    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read(range(8), fetch=fetch)


def test_skipped_samples_are_reported() -> None:
    settings: dict[str, Any] = {"fetch": damaged, "batch_size": 6, "skip_errors": True}
    smaller = read(range(12), replaces=False, **settings)
    assert [b.labels.tolist() for b in smaller] == [[0, 1, 2, 5], [6, 7, 8, 9, 10]]
    assert [[e.index for e in b.skipped] for b in smaller] == [[3, 4], [11]]
    full = read(range(12), **settings)
    assert [b.labels.tolist() for b in full] == [[0, 1, 2, 5, 5, 5], [6, 7, 8, 9, 10, 6]]
    assert [b.inputs[0][:, 0].tolist() for b in full] == [b.labels.tolist() for b in full]


def test_a_batch_without_a_good_sample() -> None:
    with pytest.raises(SampleError, match=r"3\.jpg"):
        read([3, 4], fetch=damaged, batch_size=2, skip_errors=True)


def test_labels_of_two_shapes_are_an_error() -> None:
    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        return np.zeros(index)

    with pytest.raises(SampleError, match="expected labels of one shape"):
        read(range(8), fetch=fetch)


def test_threads_run_on_all_cores_although_the_main_thread_is_pinned() -> None:
    cores = os.sched_getaffinity(0)
    seen: set[int] = set()

    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        seen.update(os.sched_getaffinity(0))
        return np.zeros(1)

    os.sched_setaffinity(0, {min(cores)})
    try:
        read(range(8), fetch=fetch)
    finally:
        os.sched_setaffinity(0, cores)
    assert seen == cores


def test_reading_ahead_is_bounded_and_ends() -> None:
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: Outs) -> NDArray[Any]:
        seen.append(index)
        return np.zeros(1)

    loader = Loader(fetch, [np.zeros(1)], 4, prefetch=1)
    batches = loader.batches(np.arange(400), 0, range(100))
    next(batches)
    time.sleep(0.05)
    assert len(seen) == 8  # the batch that was read, and one more
    assert isinstance(batches, Generator)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("loader")]

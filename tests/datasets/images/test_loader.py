import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.datasets.images.errors import DataError, ImageError
from trainer.datasets.images.loader import Batch, Loader
from trainer.datasets.images.sampling import balanced_order, shuffled_order

BAD = {3, 4, 11}


def draw(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
    """Takes longer for some images, so that threads overtake each other."""
    if index % 5 == 0:
        time.sleep(0.002)
    out[:] = index + random.random(2) / 2


def damaged(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
    if index in BAD:
        raise ImageError(Path(f"{index}.jpg"), "damaged")
    out[:] = index


def read(order: Any, epoch: int = 1, start: int = 0, **settings: Any) -> list[Batch]:
    settings = {"fetch": draw, "image_shape": (2,), "batch_size": 8} | settings
    return list(Loader(**settings).batches(np.asarray(order), epoch, start))


def bits(batches: list[Batch]) -> list[tuple[int, bytes, list[int]]]:
    return [(b.number, b.images.tobytes(), b.indices.tolist()) for b in batches]


def test_order_and_sizes() -> None:
    order = shuffled_order(21, 0, 0)
    full, all_of_them = read(order), read(order, full_batches=False)
    assert [len(batch.images) for batch in full] == [8, 8]
    assert [len(batch.images) for batch in all_of_them] == [8, 8, 5]
    assert np.concatenate([batch.indices for batch in all_of_them]).tolist() == order.tolist()
    for batch in all_of_them:
        assert (batch.images.astype(int) == batch.indices[:, None]).all()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_workers_do_not_change_a_bit(workers: int, prefetch: int) -> None:
    order = shuffled_order(40, 0, 0)
    batches = read(order, workers=workers, prefetch=prefetch, batch_size=20)
    assert bits(batches) == bits(read(order, workers=1, batch_size=20))


def test_epochs_and_seeds_differ() -> None:
    runs = [read(range(8)), read(range(8), epoch=2), read(range(8), seed=1)]
    assert len({run[0].images.tobytes() for run in runs}) == 3


def test_ranks_read_their_part_only() -> None:
    order = shuffled_order(16, 0, 0)
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        seen.append(index)
        draw(index, random, out)

    one = read(order)
    two = [read(order, fetch=fetch, rank=rank, world_size=2) for rank in (0, 1)]
    assert sorted(seen) == list(range(16))
    for whole, *parts in zip(one, *two, strict=True):
        np.testing.assert_array_equal(whole.images, np.concatenate([p.images for p in parts]))


def test_a_resumed_epoch_reads_nothing_before() -> None:
    order = shuffled_order(32, 0, 0)
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        seen.append(index)
        draw(index, random, out)

    resumed = read(order, start=2, fetch=fetch)
    assert bits(resumed) == bits(read(order))[2:]
    assert sorted(seen) == sorted(order[16:])


def test_repeated_images_are_drawn_anew() -> None:
    order = balanced_order(np.array([0] * 7 + [1]), 0, 0)
    images = read(order)[0].images[order == 7]
    assert len(images) == 4
    assert len({image.tobytes() for image in images}) == 4


def test_the_first_error_in_order_is_raised_when_its_batch_is_due() -> None:
    loader = Loader(damaged, (1,), 2, workers=3, prefetch=4)
    batches = loader.batches(np.arange(12), 0)
    assert next(batches).indices.tolist() == [0, 1]
    with pytest.raises(ImageError, match="3.jpg: damaged"):
        list(batches)


def test_other_errors_are_raised_too() -> None:
    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read(range(8), fetch=fetch)


def test_skipped_images_are_reported() -> None:
    settings: dict[str, Any] = {"fetch": damaged, "batch_size": 6, "skip_errors": True}
    smaller = read(range(12), full_batches=False, **settings)
    assert [b.indices.tolist() for b in smaller] == [[0, 1, 2, 5], [6, 7, 8, 9, 10]]
    assert [[e.source for e in b.skipped] for b in smaller] == [
        [Path("3.jpg"), Path("4.jpg")],
        [Path("11.jpg")],
    ]
    full = read(range(12), **settings)
    assert [b.indices.tolist() for b in full] == [[0, 1, 2, 5, 5, 5], [6, 7, 8, 9, 10, 6]]
    assert [b.images[:, 0].tolist() for b in full] == [b.indices.tolist() for b in full]


def test_a_batch_without_a_good_image() -> None:
    with pytest.raises(ImageError, match="3.jpg"):
        read([3, 4], fetch=damaged, batch_size=2, skip_errors=True)


def test_reading_ahead_is_bounded_and_ends() -> None:
    seen: list[int] = []

    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        seen.append(index)

    batches = Loader(fetch, (1,), 4, prefetch=1).batches(np.arange(400), 0)
    next(batches)
    time.sleep(0.05)
    assert len(seen) == 8  # the batch that was read, and one more
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("image-loader")]


@pytest.mark.parametrize("key", ["workers", "batch_size"])
def test_settings_out_of_range(key: str) -> None:
    with pytest.raises(DataError, match=f"{key}: expected at least 1, received 0"):
        read(range(4), **{key: 0})

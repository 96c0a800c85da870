"""Batches of images, prepared in threads and returned in order.

Pillow, simplejpeg and NumPy release Python's lock while they compute, so threads share the work and
nothing has to be copied between processes.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import DataError, ImageError
from .sampling import Indices, batch_count, rank_places, repeats, sample_generator

Fetch = Callable[[int, np.random.Generator, NDArray[Any]], object]
"""Prepares the image of an index with its generator and writes it into an array."""

_TASK = 8  # images per task: handing one to a thread takes 30 microseconds


@dataclass(frozen=True)
class Batch:
    """One rank's part of a batch.

    Attributes:
        number: of the batch in its epoch, from 0.
        images: [B, ...].
        indices: [B] of the images in their list.
        skipped: errors of the images that were left out.
    """

    number: int
    images: NDArray[Any]
    indices: Indices
    skipped: tuple[ImageError, ...] = ()


@dataclass(frozen=True)
class Loader:
    """Reads the batches of an epoch; any number of workers returns the same bits.

    Attributes:
        fetch: prepares one image. It is called by several threads at once.
        image_shape: of a prepared image.
        batch_size: images per batch of all ranks together.
        seed: the run's, for the generators of the images.
        dtype: of a prepared image.
        workers: threads, at least 1.
        prefetch: batches that are prepared ahead of the one that is in use, at least 0.
        full_batches: whether a last batch that is not full is left out, and a skipped image is
            replaced by the next one of its batch; otherwise such a batch is smaller.
        skip_errors: whether images that cannot be decoded are left out instead of raising.
        rank: of this process, from 0.
        world_size: number of ranks; each prepares only its part of a batch.
    """

    fetch: Fetch
    image_shape: tuple[int, ...]
    batch_size: int
    seed: int = 0
    dtype: DTypeLike = np.float32
    workers: int = 2
    prefetch: int = 2
    full_batches: bool = True
    skip_errors: bool = False
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        for key, least in (("batch_size", 1), ("workers", 1), ("prefetch", 0)):
            if getattr(self, key) < least:
                raise DataError(f"{key}: expected at least {least}, received {getattr(self, key)}")

    def batch_count(self, count: int) -> int:
        """Return the number of batches in an epoch of `count` images."""
        return batch_count(count, self.batch_size, self.full_batches)

    def batches(self, order: Indices, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on; nothing before it is read.

        Args:
            order: [N] indices of the images, the same on all ranks.
            epoch: for the generators of the images.
            start: number of the first batch.

        Raises:
            ImageError: an image cannot be decoded and `skip_errors` is not set: the first one in
                the order, when its batch is due. With `skip_errors`, a batch has no image left.
        """
        times = repeats(order)
        numbers = iter(range(start, self.batch_count(len(order))))
        pending: deque[_Pending] = deque()
        pool = ThreadPoolExecutor(self.workers, "image-loader")
        try:
            while True:
                while len(pending) <= self.prefetch and (number := next(numbers, None)) is not None:
                    pending.append(self._submit(pool, order, times, epoch, number))
                if not pending:
                    return
                yield self._collect(pending.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ThreadPoolExecutor, order: Indices, times: Indices, epoch: int, number: int
    ) -> "_Pending":
        places = rank_places(len(order), self.batch_size, number, self.rank, self.world_size)
        indices = order[places]
        images = np.empty((len(indices), *self.image_shape), self.dtype)

        def prepare(first: int) -> list[tuple[int, ImageError]]:
            errors = []
            for place in range(first, min(first + _TASK, len(indices))):
                index, repeat = int(indices[place]), int(times[places][place])
                try:
                    random = sample_generator(self.seed, epoch, index, repeat)
                    self.fetch(index, random, images[place])
                except ImageError as error:
                    errors.append((place, error))
            return errors

        tasks = [pool.submit(prepare, first) for first in range(0, len(indices), _TASK)]
        return _Pending(number, images, indices, tasks)

    def _collect(self, pending: "_Pending") -> Batch:
        errors = dict(pair for task in pending.tasks for pair in task.result())
        if errors and not self.skip_errors:
            raise errors[min(errors)]
        good = [place for place in range(len(pending.indices)) if place not in errors]
        if not errors:
            return Batch(pending.number, pending.images, pending.indices)
        if not good:
            raise errors[min(errors)]
        if self.full_batches:
            good = [_next(place, good) for place in range(len(pending.indices))]
        skipped = tuple(errors[place] for place in sorted(errors))
        return Batch(pending.number, pending.images[good], pending.indices[good], skipped)


@dataclass(frozen=True)
class _Pending:
    """A batch that threads are working on."""

    number: int
    images: NDArray[Any]
    indices: Indices
    tasks: list["Future[list[tuple[int, ImageError]]]"]


def _next(place: int, good: list[int]) -> int:
    """Return the first good place from `place` on, or from the beginning."""
    return next((other for other in good if other >= place), good[0])

"""Loader: batches of a map-style dataset, prepared in threads and returned in order.

Pillow, simplejpeg and NumPy release Python's lock while they compute, so threads share the work and
nothing has to be copied between processes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core import cpu_cores
from trainer.data.sample_error import SampleError
from trainer.data.sampling import Indices, rank_places, repeats, sample_generator

Fetch = Callable[[int, np.random.Generator, list[NDArray[Any]]], NDArray[Any]]
"""Writes the prepared inputs of an index into arrays, and returns its label."""

_TASK = 8  # samples per task: handing one to a thread takes 30 microseconds


@dataclass(frozen=True)
class LoadedBatch:
    """One rank's part of a batch.

    Attributes:
        number: of the batch in its epoch, from 0.
        inputs: arrays [B, ...].
        labels: [B, ...].
        skipped: errors of the samples that were left out.
    """

    number: int
    inputs: list[NDArray[Any]]
    labels: NDArray[Any]
    skipped: tuple[SampleError, ...] = ()


@dataclass(frozen=True)
class Loader:
    """Reads the batches of an epoch; any number of workers returns the same bits.

    Attributes:
        fetch: prepares one sample. It is called by several threads at once.
        examples: an array of the shape and type of each prepared input.
        batch_size: samples per batch of all ranks together.
        seed: the run's, for the generators of the samples.
        workers: threads, at least 1.
        prefetch: batches that are prepared ahead of the one that is in use, at least 0.
        replaces: whether a sample that is skipped is replaced by the next one of its batch;
            otherwise the batch is smaller.
        skip_errors: whether samples that cannot be read are left out instead of raising.
        allows_empty: whether a batch of which no sample can be read is empty instead of raising.
        rank: of this process, from 0.
        world_size: number of ranks; each prepares only its part of a batch.
    """

    fetch: Fetch
    examples: Sequence[NDArray[Any]]
    batch_size: int
    seed: int = 0
    workers: int = 2
    prefetch: int = 2
    replaces: bool = True
    skip_errors: bool = False
    allows_empty: bool = False
    rank: int = 0
    world_size: int = 1

    def batches(self, order: Indices, epoch: int, numbers: Iterable[int]) -> Iterator[LoadedBatch]:
        """Yield some batches of an epoch; nothing of the others is read.

        Args:
            order: [N] indices of the samples, the same on all ranks.
            epoch: for the generators of the samples.
            numbers: of the batches, from 0, in the order in which they are yielded. One that has
                fewer samples than ranks is left out.

        Raises:
            SampleError: a sample cannot be read and ``skip_errors`` is not set: the first one in
                the order, when its batch is due. With ``skip_errors``, a batch has no sample left.
        """
        times, remaining = repeats(order), iter(numbers)
        pending: deque[_Pending] = deque()
        pool = ThreadPoolExecutor(self.workers, "loader", cpu_cores.free_thread)
        try:
            while True:
                while len(pending) <= self.prefetch and (n := next(remaining, None)) is not None:
                    pending.append(self._submit(pool, order, times, epoch, n))
                if not pending:
                    return
                if len(pending[0].indices):
                    yield self._collect(pending.popleft())
                else:
                    pending.popleft()
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ThreadPoolExecutor, order: Indices, times: Indices, epoch: int, number: int
    ) -> "_Pending":
        places = rank_places(len(order), self.batch_size, number, self.rank, self.world_size)
        indices, repeated = order[places], times[places]
        inputs = [np.empty((len(indices), *one.shape), one.dtype) for one in self.examples]

        def prepare(first: int) -> list[_Label]:
            return [
                self._prepare(
                    int(indices[at]), int(repeated[at]), epoch, [i[at, ...] for i in inputs]
                )
                for at in range(first, min(first + _TASK, len(indices)))
            ]

        tasks = [pool.submit(prepare, first) for first in range(0, len(indices), _TASK)]
        return _Pending(number, inputs, indices, tasks)

    def _prepare(self, index: int, repeat: int, epoch: int, out: list[NDArray[Any]]) -> "_Label":
        try:
            return self.fetch(index, sample_generator(self.seed, epoch, index, repeat), out)
        except SampleError as error:
            return error

    def _collect(self, pending: "_Pending") -> LoadedBatch:
        labels = [label for task in pending.tasks for label in task.result()]
        errors = [label for label in labels if isinstance(label, SampleError)]
        places = list(range(len(labels)))
        if errors:
            good = [at for at in places if not isinstance(labels[at], SampleError)]
            if not self.skip_errors or not (good or self.allows_empty):
                raise errors[0]
            if not good:
                empty = [column[:0] for column in pending.inputs]
                return LoadedBatch(pending.number, empty, np.empty(0), tuple(errors))
            places = [_next(place, good) for place in places] if self.replaces else good
        inputs = [column[places] for column in pending.inputs] if errors else pending.inputs
        stacked = _stack([labels[place] for place in places], pending.indices)
        return LoadedBatch(pending.number, inputs, stacked, tuple(errors))


_Label = NDArray[Any] | SampleError


@dataclass(frozen=True)
class _Pending:
    """A batch that threads are working on."""

    number: int
    inputs: list[NDArray[Any]]
    indices: Indices
    tasks: list["Future[list[_Label]]"]


def _stack(labels: list[Any], indices: Indices) -> NDArray[Any]:
    for label, index in zip(labels, indices, strict=False):
        if label.shape != labels[0].shape:
            received = f"received {labels[0].shape} and {label.shape}"
            raise SampleError(int(index), f"expected labels of one shape, {received}")
    return np.stack(labels)


def _next(place: int, good: list[int]) -> int:
    """Return the first good place from ``place`` on, or from the beginning."""
    return next((other for other in good if other >= place), good[0])

"""Batches of a pipeline, in an order that depends on the seed and the epoch."""

import logging
import random
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeVar

import mindspore.dataset as ds
import numpy as np
from mindspore import Tensor

from trainer.backend.batch_types import Batch, Columns
from trainer.core import text
from trainer.core.errors import BadData
from trainer.data.batch_source import tensors
from trainer.distributed.world import World

_T = TypeVar("_T")
log = logging.getLogger(__name__)

_EPOCHS = 100_000  # more than any run has, so that no two seeds share the order of an epoch


def batches(pipeline: ds.Dataset, seed: int, epoch: int, alone: bool = True) -> Iterator[Batch]:
    """Yield the pipeline's batches: inputs and, last, the label.

    Their order, and what Python functions in the pipeline draw from ``random`` and ``np.random`` in
    one worker, depend on the seed and the epoch alone, so that a run can be repeated and resumed.

    Args:
        pipeline: of batches.
        seed: the run's.
        epoch: counted from 1; 0 for what is no epoch.
        alone: whether no other pipeline is being read; if one is, it may draw from ``random`` and
            ``np.random``, which are left as they are.
    """
    _seed(seed, epoch, alone)
    if arrays := _read_directly(pipeline, seed, epoch):
        yield from tensors(_read(arrays, epoch))
    else:
        yield from _read(pipeline.create_tuple_iterator(num_epochs=1), epoch)


def reversed_batch(batch: Batch) -> list[Tensor]:
    """Return a batch with its samples in the opposite order."""
    return [Tensor(column.asnumpy()[::-1].copy()) for column in batch]


def columns(pipeline: ds.Dataset, seed: int, epoch: int, alone: bool = True) -> Iterator[Columns]:
    """Yield the same batches as NumPy arrays."""
    _seed(seed, epoch, alone)
    arrays = _read_directly(pipeline, seed, epoch)
    iterator = arrays or pipeline.create_tuple_iterator(num_epochs=1, output_numpy=True)
    yield from _read(iterator, epoch)


def _read_directly(pipeline: ds.Dataset, seed: int, epoch: int) -> Iterator[Columns] | None:
    """Return the batches of a pipeline that has a method ``read_batches(seed)``; else None.

    It yields what the pipeline would, without MindSpore's engine, which takes 0.3 ms per batch.
    """
    read = getattr(pipeline, "read_batches", None)
    return None if read is None else map(list, read(seed_of(seed, epoch)))


def _read(batches: Iterable[_T], epoch: int) -> Iterator[_T]:
    """Yield the batches of an epoch.

    Raises:
        BadData: the pipeline's own code has raised an error, or there are no batches. A pipeline
            over an iterator that is exhausted yields nothing and reports no error, so that epochs
            would pass without a step.
    """
    empty = True
    try:
        for batch in batches:
            empty = False
            yield batch
    except RuntimeError as error:
        raise BadData(f"dataset: {failure(error)}") from None
    if empty:
        raise BadData(
            f"dataset: expected at least one batch, received none in epoch {epoch}; a source that "
            "can be read only once, such as an iterator, must be one that starts again in each "
            "epoch"
        )


def failure(error: RuntimeError) -> str:
    """Return what a pipeline's error says, with the line of the code that raised it."""
    patterns = (r"^\s*(\w+(?:Error|Exception): .+)$", r"^\[ERROR\] (.+)$")
    reasons = next(filter(None, (re.findall(p, str(error), re.MULTILINE) for p in patterns)), [])
    why = reasons[-1] if reasons else text.first_line(error)
    places = re.findall(r'File "(.+)", line (\d+)', str(error))
    return why + (" ({}:{})".format(*places[-1]) if places else "")


def shard(batches: Iterable[Columns], world: World) -> Iterator[Columns]:
    """Yield this rank's share of each batch.

    Every rank runs the whole pipeline and takes its slice: the samples of a batch are the same as
    in one process, but each rank prepares all of them.

    The remainder of a batch that does not divide is dropped; a batch with fewer samples than ranks
    is skipped.
    """
    if world.world_size == 1:
        yield from batches
        return
    for batch in batches:
        size = len(batch[-1])
        share, rest = divmod(size, world.world_size)
        if rest:
            _warn(rest if share else size, size, world.world_size)
        if share:
            part = slice(world.rank * share, (world.rank + 1) * share)
            yield [c[part] if len(c) == size else c for c in batch]


@cache
def _warn(dropped: int, size: int, ranks: int) -> None:
    log.warning(
        "warning: a batch of %d does not divide among %d ranks: samples dropped in every epoch: %d",
        size,
        ranks,
        dropped,
    )


def seed_of(seed: int, epoch: int) -> int:
    """Return the seed of a run's epoch, from which its batches are prepared."""
    return (seed * _EPOCHS + epoch) % 2**32


def _seed(seed: int, epoch: int, alone: bool) -> None:
    number = seed_of(seed, epoch)
    ds.config.set_seed(number)
    if alone:
        random.seed(number)
        np.random.seed(number)


class ReadingState:
    """Tells whether the batches of an epoch are being read."""

    def __init__(self) -> None:
        self.is_reading = False

    def track(self, batches: Iterable[_T]) -> Iterator[_T]:
        """Yield the batches, until the reader is done with them or leaves them."""
        self.is_reading = True
        try:
            yield from batches
        finally:
            self.is_reading = False

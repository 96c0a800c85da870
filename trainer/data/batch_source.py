"""Batch source: the batches of one part of the data, epoch by epoch, wherever they come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from mindspore import Tensor
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch, Columns
from trainer.distributed.world import World

ALONE = World()


class BatchSource(Protocol):
    """Batches of (inputs..., label), in an order that depends on the seed and the epoch alone."""

    @property
    def batch_count(self) -> int:
        """Batches per epoch."""

    @property
    def batch_size(self) -> int | None:
        """Samples in a batch; None: it is not known without reading one."""

    @property
    def last_batch_size(self) -> int | None:
        """Samples in the last batch of an epoch; None: it is not known without reading it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers; none: they are not known."""

    @property
    def origin(self) -> Any:
        """The pipeline or the map-style dataset that is read."""

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed in epochs; their labels are shares of the classes then."""

    @property
    def skipped(self) -> Mapping[int, str]:
        """What was left out because it cannot be read, by the index of the sample."""

    def batches(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Batch]:
        """Yield the batches as tensors; see ``columns``."""

    def columns(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Columns]:
        """Yield the batches as NumPy arrays.

        Args:
            epoch: counted from 1; 0 for what is no epoch, whose batches are never mixed.
            start: number of the first batch.
            world: each rank gets its share of each batch.
            alone: whether no other source is being read.

        Raises:
            BadData: a batch cannot be read.
        """

    def dealt_columns(self, world: World, alone: bool = True) -> Iterator[Columns | None]:
        """Yield whole batches of epoch 0 for ranks that take turns.

        A batch that is another rank's may be None.
        """

    def labels(self) -> NDArray[Any] | None:
        """Return all labels; None: they cannot be known without reading the data."""

    def augmentation(self) -> str:
        """Return what prepares samples at random; empty: nothing is known to."""

    def limited(self, count: int | None) -> "BatchSource":
        """Return a source of at most some batches per epoch; None: of all."""

    def unlimited(self) -> "BatchSource":
        """Return a source of all batches."""


def tensors(batches: Iterable[Columns]) -> Iterator[Batch]:
    """Yield batches of arrays as tensors."""
    return map(as_tensors, batches)


def as_tensors(batch: Columns) -> Batch:
    """Return arrays as tensors, which share their memory: a copy of 32 images takes 5 ms."""
    return [Tensor.from_numpy(np.asarray(column)) for column in batch]


def steps_per_epoch(source: BatchSource, world_size: int) -> int:
    """Return the number of steps; a last batch with fewer samples than ranks is skipped."""
    batches, last = source.batch_count, source.last_batch_size
    return batches - 1 if last is not None and last < world_size else batches

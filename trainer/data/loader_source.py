"""Loader source: the batches of a map-style dataset."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch, Columns
from trainer.core.errors import BadData, ConfigError
from trainer.data import map_dataset
from trainer.data.batch_source import ALONE, tensors
from trainer.data.loader import LoadedBatch, Loader
from trainer.data.map_dataset import MapDataset
from trainer.data.mixing import Mixing
from trainer.data.sample_error import SampleError
from trainer.data.sample_reader import SampleReader
from trainer.data.sampling import (
    Indices,
    balanced_order,
    batch_count,
    batch_generator,
    shuffled_order,
)
from trainer.distributed.world import World

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoaderSource:
    """The batches of a map-style dataset; see ``BatchSource``.

    Attributes:
        reader: reads and prepares a sample.
        batch_size: samples per batch of all ranks together.
        seed: the run's.
        workers: threads.
        order: of the samples: as they are, in a random order, or the same number of each class.
        drop_last: whether a last batch that is not full is left out.
        skip_errors: whether samples that cannot be read are left out instead of raising.
        mixing: mixes images of a batch with one another; None: nothing does.
        limit: most batches of an epoch; None: all.
        skipped: what was left out, by the index of the sample.
    """

    reader: SampleReader
    batch_size: int
    seed: int
    workers: int = 1
    order: Literal["sequential", "shuffle", "balanced"] = "sequential"
    drop_last: bool = False
    skip_errors: bool = False
    mixing: Mixing | None = None
    limit: int | None = None
    skipped: dict[int, str] = field(default_factory=dict, compare=False)

    @property
    def batch_count(self) -> int:
        """Batches per epoch."""
        count = batch_count(len(self.origin), self.batch_size, self.drop_last)
        return count if self.limit is None else min(count, self.limit)

    @property
    def last_batch_size(self) -> int | None:
        """Samples in the last batch of an epoch."""
        before = (self.batch_count - 1) * self.batch_size
        return min(len(self.origin) - before, self.batch_size)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; none if the dataset does not know them."""
        return map_dataset.class_names(self.origin)

    @property
    def origin(self) -> MapDataset:
        """The dataset."""
        return self.reader.dataset

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed in epochs."""
        return self.mixing is not None

    def batches(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch as tensors."""
        return tensors(self.columns(epoch, start, world, alone))

    def columns(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Columns]:
        """Yield the batches of an epoch as NumPy arrays; nothing before ``start`` is read."""
        numbers = range(start, self.batch_count)
        measures = self.order == "sequential" and world.world_size == 1
        for batch in self._load(epoch, numbers, world, allows_empty=measures):
            if self.mixing is not None and epoch:
                random = batch_generator(self.seed, epoch, batch.number)
                yield self.mixing(batch.inputs, batch.labels, random)
            else:
                yield [*batch.inputs, batch.labels]

    def dealt_columns(self, world: World, alone: bool = True) -> Iterator[Columns | None]:
        """Yield this rank's batches of epoch 0, and None for those of others."""
        loaded = self._load(0, range(world.rank, self.batch_count, world.world_size), ALONE)
        for number in range(self.batch_count):
            is_own = number % world.world_size == world.rank
            batch = next(loaded) if is_own else None
            yield [*batch.inputs, batch.labels] if batch else None

    def _load(
        self, epoch: int, numbers: Iterable[int], world: World, allows_empty: bool = False
    ) -> Iterator[LoadedBatch]:
        """Yield batches that have samples; ``allows_empty`` if some of them have."""
        count = 0
        try:
            loader = Loader(
                self.reader,
                self.reader.examples,
                self.batch_size,
                self.seed,
                self.workers,
                replaces=self.drop_last or self.order != "sequential",
                skip_errors=self.skip_errors,
                allows_empty=allows_empty,
                rank=world.rank,
                world_size=world.world_size,
            )
            for batch in loader.batches(self._indices(epoch), epoch, numbers):
                self._note(batch.skipped)
                if len(batch.labels):
                    count += 1
                    yield batch
            if allows_empty and not count and self.skipped:
                raise BadData(
                    f"dataset: no sample can be read: {next(iter(self.skipped.values()))}"
                )
        except SampleError as error:
            raise BadData(f"dataset: {error}") from None

    def _note(self, errors: Iterable[SampleError]) -> None:
        for error in errors:
            if error.index not in self.skipped:
                log.warning("warning: skipped %s", error)
                self.skipped[error.index] = str(error)

    def _indices(self, epoch: int) -> Indices:
        dataset = self.origin
        if self.order == "shuffle":
            return shuffled_order(len(dataset), self.seed, epoch)
        if self.order == "balanced":
            labels = self.labels()
            if labels is None:
                expected = "expected a dataset with an attribute `labels`, one class per sample"
                raise ConfigError([f"dataset.sampler=balanced: {expected}, received none"])
            return balanced_order(labels, self.seed, epoch)
        return np.arange(len(dataset))

    def labels(self) -> NDArray[Any] | None:
        """Return all labels; None: the dataset does not know them without reading its samples."""
        return map_dataset.labels_of(self.origin)

    def augmentation(self) -> str:
        """Return what prepares samples at random; empty: nothing is known to."""
        transform = self.reader.transform
        is_random = self.reader.augments and getattr(transform, "augments", False)
        return "transform" if is_random or self.mixing else ""

    def limited(self, count: int | None) -> "LoaderSource":
        """Return a source of at most some batches per epoch; None: of all."""
        return self if count is None else replace(self, limit=count)

    def unlimited(self) -> "LoaderSource":
        """Return a source of all batches."""
        return replace(self, limit=None)

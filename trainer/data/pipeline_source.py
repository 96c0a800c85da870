"""Pipeline source: the batches of a pipeline of mindspore.dataset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import mindspore.dataset as ds
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch, Columns
from trainer.data import batches, labels_in_memory, last_batch
from trainer.data.batch_source import ALONE, tensors
from trainer.data.scalar_columns import accept_scalars
from trainer.distributed.world import World


@dataclass(frozen=True)
class PipelineSource:
    """The batches of a pipeline; see ``BatchSource``.

    A pipeline prepares what it leaves out, so that random preparation continues as it was.

    Attributes:
        pipeline: of batches.
        seed: the run's.
    """

    pipeline: ds.Dataset
    seed: int

    def __post_init__(self) -> None:
        accept_scalars()

    @property
    def batch_count(self) -> int:
        """Batches per epoch."""
        return int(self.pipeline.get_dataset_size())

    @property
    def batch_size(self) -> int | None:
        """Samples in a batch; None: it is not known without reading one."""
        size = getattr(self.pipeline, "batch_size", None)
        return size if isinstance(size, int) else None

    @property
    def last_batch_size(self) -> int | None:
        """Samples in the last batch; None: it is not known without reading it all."""
        return last_batch.last_batch_size(self.pipeline)

    @property
    def class_names(self) -> tuple[str, ...]:
        """No names: a pipeline does not know its classes."""
        return ()

    @property
    def origin(self) -> ds.Dataset:
        """The pipeline."""
        return self.pipeline

    @property
    def mixes(self) -> bool:
        """Not known to the trainer: a pipeline's labels are the same wherever it is read."""
        return False

    @property
    def skipped(self) -> Mapping[int, str]:
        """Nothing: a pipeline does not report what it leaves out."""
        return {}

    def batches(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch as tensors."""
        if world.world_size > 1:
            return tensors(self.columns(epoch, start, world, alone))
        return islice(batches.batches(self.pipeline, self.seed, epoch, alone), start, None)

    def columns(
        self, epoch: int, start: int = 0, world: World = ALONE, alone: bool = True
    ) -> Iterator[Columns]:
        """Yield the batches of an epoch as NumPy arrays."""
        columns = batches.columns(self.pipeline, self.seed, epoch, alone)
        return islice(batches.shard(columns, world), start, None)

    def dealt_columns(self, world: World, alone: bool = True) -> Iterator[Columns | None]:
        """Yield all batches: each rank runs the whole pipeline."""
        return self.columns(0, alone=alone)

    def labels(self) -> NDArray[Any] | None:
        """Return the labels that the pipeline's source holds in memory, if nothing changes them."""
        return labels_in_memory.labels_in_memory(self.pipeline)

    def augmentation(self) -> str:
        """Return nothing: operations of a pipeline are looked at one by one."""
        return ""

    def limited(self, count: int | None) -> "PipelineSource":
        """Return a source of at most some batches per epoch; None: of all."""
        if count is None or count >= self.batch_count:
            return self
        return replace(self, pipeline=self.pipeline.take(count))

    def unlimited(self) -> "PipelineSource":
        """Return a source of all batches."""
        is_limited = type(self.pipeline).__name__ == "TakeDataset"
        return replace(self, pipeline=self.pipeline.children[0]) if is_limited else self

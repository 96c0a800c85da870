"""File batches: files that a transform prepares, in threads, without labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.core import cpu_cores
from trainer.data.loader import LoadedBatch, Loader
from trainer.data.sample_reader import SampleReader
from trainer.data.transform import Transform


@dataclass(frozen=True)
class _Files:
    """A map-style dataset of paths, each with its index in the place of a label."""

    files: Sequence[Path]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Path, int]:
        return self.files[index], index


def file_batches(
    files: Sequence[Path], transform: Transform, batch_size: int
) -> Iterator[LoadedBatch]:
    """Yield the files as evaluation prepares them, in order and in batches.

    Args:
        files: at least one; the transform opens them.
        transform: prepares each.
        batch_size: files per batch. One that cannot be read is among the ``skipped`` of its batch;
            labels are the indices of the others.
    """
    reader = SampleReader(_Files(files), transform)
    loader = Loader(
        reader,
        reader.examples,
        batch_size,
        workers=cpu_cores.used(),
        replaces=False,
        skip_errors=True,
        allows_empty=True,
    )
    yield from loader.batches(np.arange(len(files)), 0, range(-(-len(files) // batch_size)))

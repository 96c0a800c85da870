"""Images, generated once and the same for every process. Imports no framework."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmark.case import CLASSES, NETS, SEED, Task

Arrays = tuple[NDArray[Any], NDArray[Any]]


def path(folder: Path, task: Task) -> Path:
    """Return the path of the images of a task."""
    return folder / f"{NETS[task.net].channels}x{task.size}"


def write_noise(folder: Path, task: Task) -> None:
    """Write random images for a task."""
    random = np.random.default_rng(SEED)
    shape = (task.images, NETS[task.net].channels, task.size, task.size)
    labels = random.integers(0, CLASSES, task.images).astype(np.int32)
    write(path(folder, task), (random.standard_normal(shape, np.float32), labels))


def write(file: Path, arrays: Arrays) -> None:
    """Write images and labels."""
    for kind, values in zip(("images", "labels"), arrays, strict=True):
        np.save(f"{file}.{kind}.npy", values)


def read(file: Path, count: int) -> Arrays:
    """Return the first images and labels; only these are kept in memory."""
    images, labels = (
        np.array(np.load(f"{file}.{kind}.npy", mmap_mode="r")[:count])
        for kind in ("images", "labels")
    )
    return images, labels


@dataclass(frozen=True)
class Batches:
    """Full batches in a new random order in every pass, like the trainer's own pipeline."""

    arrays: Arrays
    batch: int
    random: np.random.Generator

    def __len__(self) -> int:
        return len(self.arrays[0]) // self.batch

    def __iter__(self) -> Iterator[Arrays]:
        images, labels = self.arrays
        order = self.random.permutation(len(images))
        for start in range(0, len(self) * self.batch, self.batch):
            indices = order[start : start + self.batch]
            yield images[indices], labels[indices]

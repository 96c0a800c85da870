"""Arrays in memory as MindSpore pipelines: the batches and their order.

NumPy gathers a whole batch at once: 0.13 ms for 64 images of 32x32, compared with 2.3 ms for
MindSpore's own shuffle and batch, which call Python once per image.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from mindspore import dataset as ds
from numpy.typing import NDArray

from .array_images import ArrayImages

Arrays = tuple[NDArray[Any], NDArray[Any]]
"""Images [N, ...] and their labels [N, ...]."""

Scale = tuple[float, float]
"""Mean and standard deviation that images were normalised by, where black is 0 and white is 1."""

Pipelines = tuple[ds.Dataset, ds.Dataset]
"""The training pipeline and the validation pipeline."""


@dataclass(frozen=True)
class _Batches:
    """Batches of arrays, in a new random order in every iteration if they are shuffled."""

    arrays: Arrays
    batch_size: int
    shuffle: bool
    drop_remainder: bool
    random: np.random.Generator = field(default_factory=np.random.default_rng)

    def __len__(self) -> int:
        full, rest = divmod(len(self.arrays[0]), self.batch_size)
        return full + (rest > 0 and not self.drop_remainder)

    def __iter__(self) -> Iterator[Arrays]:
        images, labels = self.arrays
        count = len(images)
        order = self.random.permutation(count) if self.shuffle else np.arange(count)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            indices = order[start : start + self.batch_size]
            yield images[indices], labels[indices]


class _BatchDataset(ds.GeneratorDataset):
    """A pipeline of complete batches whose order depends on MindSpore's seed.

    The seed is read in `parse`, which MindSpore calls when an iterator is created, on a copy of the
    pipeline. The source would read it later, in another thread: in 30 of 30 trials something else
    had set another seed by then.
    """

    def __init__(self, batches: _Batches, scale: Scale | None = None) -> None:
        super().__init__(
            batches,
            ["image", "label"],
            shuffle=False,
            num_parallel_workers=1,
            python_multiprocessing=False,
        )
        self.source: _Batches = batches
        self._scale = scale

    def parse(self, children: Any = None) -> Any:
        self.source = replace(self.source, random=np.random.default_rng(ds.config.get_seed()))
        return super().parse(children)

    def read_batches(self, seed: int) -> Iterator[Arrays]:
        """Yield the batches of a pipeline that is read under a seed, without MindSpore's engine.

        For 64 images of 32x32 a batch takes 0.03 ms instead of 0.3.
        """
        yield from replace(self.source, random=np.random.default_rng(seed))

    def as_images(self) -> ArrayImages | None:
        """Return the images one by one as pixels; `None`: their scale is not known."""
        return None if self._scale is None else ArrayImages(*self.source.arrays, *self._scale)

    def get_batch_size(self) -> int:
        return self.source.batch_size


def pipeline(
    images: NDArray[Any],
    labels: NDArray[Any],
    batch_size: int,
    shuffle: bool,
    drop_remainder: bool,
    scale: Scale | None = None,
) -> ds.Dataset:
    """Return a pipeline of arrays, with the columns `image` and `label` [batch_size, ...].

    The order of a shuffled pipeline depends only on the seed of `mindspore.dataset.config` at the
    time when an iterator is created. Further epochs of an iterator have other orders.

    Args:
        images: [N, ...].
        labels: [N, ...].
        batch_size: images per batch, at least 1; at most N if the remainder is dropped.
        shuffle: whether the images come in random order.
        drop_remainder: whether to omit a last batch that is not full.
        scale: of grey images, so that a transform can prepare them; `None`: it cannot.

    Raises:
        ValueError: the numbers of images and labels differ, or `batch_size` is out of range.
    """
    _check(images, labels, batch_size, drop_remainder)
    batches = _Batches((images, labels), batch_size, shuffle, drop_remainder)
    return _BatchDataset(batches, scale)


def _check(
    images: NDArray[Any], labels: NDArray[Any], batch_size: int, drop_remainder: bool
) -> None:
    if len(images) != len(labels):
        raise ValueError(f"expected {len(images)} labels, one per image, received {len(labels)}")
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, received {batch_size}")
    if drop_remainder and batch_size > len(images):
        raise ValueError(
            f"batch_size: expected at most {len(images)}, the number of training images, "
            f"received {batch_size}"
        )


def pipelines(
    train: Arrays, validation: Arrays, batch_size: int, scale: Scale | None = None
) -> Pipelines:
    """Return pipelines of a data set: training in shuffled full batches, validation in order.

    Args:
        train: images [N, ...] and labels [N, ...].
        validation: images [M, ...] and labels [M, ...].
        batch_size: images per batch, 1 to N.
        scale: see `pipeline`.

    Returns:
        The training pipeline and the validation pipeline.

    Raises:
        ValueError: see `pipeline`.
    """
    return (
        pipeline(*train, batch_size, shuffle=True, drop_remainder=True, scale=scale),
        pipeline(*validation, batch_size, shuffle=False, drop_remainder=False, scale=scale),
    )

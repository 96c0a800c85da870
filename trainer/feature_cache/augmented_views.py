"""Views: some fixed epochs of augmented samples, stored, of which each epoch takes one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.backend.batch_types import Columns
from trainer.feature_cache.features import Features


@dataclass(frozen=True)
class _View:
    """One pass over the data: a digest and a label for each sample, and the sizes of batches."""

    digests: list[bytes]
    labels: NDArray[Any]
    sizes: list[int]


class AugmentedViews:
    """The batches of epochs that draw among fixed views of each sample.

    View k is what the pipeline gives in epoch k of a run without a store. Each epoch takes all its
    samples from one view, in an order of its own; in ``count`` epochs each view is taken once.

    Args:
        features: stores the views.
        columns: gives an epoch's batches, inputs and, last, the label.
        count: how many views.
        seed: fixes which view an epoch takes, and the order.
    """

    def __init__(
        self,
        features: Features,
        columns: Callable[[int], Iterable[Columns]],
        count: int,
        seed: int,
    ) -> None:
        self._features = features
        self._columns = columns
        self._count = count
        self._seed = seed
        self._views: dict[int, _View] = {}

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yield an epoch's batches of features and, last, the label; epochs count from 1."""
        cycle, position = divmod(epoch - 1, self._count)
        number = int(np.random.default_rng([self._seed, cycle]).permutation(self._count)[position])
        view = self._view(number + 1)
        order = np.random.default_rng([self._seed, cycle, position]).permutation(len(view.digests))
        for start, size in zip(np.cumsum([0, *view.sizes]), view.sizes, strict=False):
            indices = order[start : start + size]
            yield [*self._features.read([view.digests[at] for at in indices]), view.labels[indices]]

    def _view(self, number: int) -> _View:
        if number not in self._views:
            digests, labels, full = [], [], 0
            for *inputs, label in self._columns(number):
                full = max(full, len(label))
                digests.append(self._features.add(inputs, full))
                labels.append(label)
            flat = [digest for batch in digests for digest in batch]
            sizes = [len(batch) for batch in digests]
            self._views[number] = _View(flat, np.concatenate(labels), sizes)
        return self._views[number]

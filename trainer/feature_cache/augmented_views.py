"""Fixed, stored views of augmented samples: every epoch uses one of them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from trainer.backend.batch_types import Columns
from trainer.feature_cache.features import Features
from trainer.feature_cache.stored_view import StoredView


class AugmentedViews:
    """The batches of epochs that choose among a fixed number of views of each sample.

    View k is what the pipeline gives in epoch k of a run without stored features. Each epoch takes
    all its samples from one view, in a random order; ``count`` epochs use each view once. A view
    that an earlier phase has stored is not read again.

    Args:
        features: stores the views.
        columns: returns the batches of an epoch, inputs and, last, the label.
        count: number of views.
        seed: determines the view of an epoch, and the order.
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

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yield the batches of an epoch, features and, last, the label; epochs count from 1."""
        cycle, position = divmod(epoch - 1, self._count)
        number = int(np.random.default_rng([self._seed, cycle]).permutation(self._count)[position])
        view = self._view(number + 1)
        order = np.random.default_rng([self._seed, cycle, position]).permutation(len(view.digests))
        for start, size in zip(np.cumsum([0, *view.sizes]), view.sizes, strict=False):
            indices = order[start : start + size]
            yield [*self._features.read([view.digests[at] for at in indices]), view.labels[indices]]

    def _view(self, number: int) -> StoredView:
        if number not in self._features.views:
            digests, labels, full_size = [], [], 0
            for *inputs, label in self._columns(number):
                full_size = max(full_size, len(label))
                digests.append(self._features.add(inputs, full_size))
                labels.append(label)
            flat = [digest for batch in digests for digest in batch]
            sizes = [len(batch) for batch in digests]
            self._features.views[number] = StoredView(flat, np.concatenate(labels), sizes)
        return self._features.views[number]

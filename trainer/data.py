"""Data: pipelines turned into batches, in an order fixed by the seed and the epoch."""

import random
from collections.abc import Iterator, Sequence

import mindspore.dataset as ds
import numpy as np
from mindspore import Tensor

Batch = Sequence[Tensor]
_EPOCHS = 100_000  # more than any run has, so that no two seeds share an epoch's order


def batches(pipeline: ds.Dataset, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield the pipeline's batches: inputs and, last, the label.

    Their order, and what Python functions in the pipeline draw from ``random`` and ``np.random`` in
    one worker, depend on the seed and the epoch alone, so that a run can be repeated and resumed.
    """
    drawn = (seed * _EPOCHS + epoch) % 2**32
    ds.config.set_seed(drawn)
    random.seed(drawn)
    np.random.seed(drawn)
    yield from pipeline.create_tuple_iterator(num_epochs=1)

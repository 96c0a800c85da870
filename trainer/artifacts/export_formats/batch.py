"""Batch: the inputs of a model at another batch size."""

from collections.abc import Sequence

import numpy as np
from mindspore import Tensor

from trainer.artifacts.export_formats import FixedBatch


def size(inputs: Sequence[Tensor]) -> int:
    """Return the batch size.

    Raises:
        FixedBatch: the first axes of the inputs have different lengths.
    """
    sizes = {tensor.shape[0] if tensor.ndim else 0 for tensor in inputs}
    if len(sizes) != 1 or 0 in sizes:
        raise FixedBatch("the inputs have no common first axis")
    return sizes.pop()


def resized(inputs: Sequence[Tensor], count: int) -> list[Tensor]:
    """Return inputs of ``count`` samples: the first ones, repeated if there are fewer."""
    indices = np.arange(count) % size(inputs)
    return [Tensor(tensor.asnumpy()[indices]) for tensor in inputs]

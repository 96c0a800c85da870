"""Non-finite values: which columns of a batch have them, checked on the host after a failure."""

from collections.abc import Iterator

import mindspore as ms
import numpy as np
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch

_FLOATS = (ms.float16, ms.float32, ms.float64, ms.bfloat16)


def non_finite_columns(batch: Batch) -> str:
    """Return which inputs, or whether the label, are not finite; empty if all are.

    Args:
        batch: inputs and, last, the label.
    """
    problems = []
    for name, array in _float_columns(batch):
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if bad.any():
            problems.append(f"{name} of the batch is not finite in {bad.sum()} of {len(bad)} rows")
    return ", and ".join(problems)


def largest_value(batch: Batch) -> float:
    """Return the largest magnitude in the inputs of a batch; 0 if none of them is a float."""
    columns = list(_float_columns(batch[:-1]))
    return max((float(np.abs(array).max(initial=0)) for _, array in columns), default=0.0)


def _float_columns(batch: Batch) -> Iterator[tuple[str, NDArray[np.floating]]]:
    for number, column in enumerate(batch):
        if column.dtype in _FLOATS and column.shape:
            name = f"input {number + 1}" if number < len(batch) - 1 else "the label"
            yield name, column.astype(ms.float32).asnumpy()

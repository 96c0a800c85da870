"""Padded batch: the model gets batches of one size, because each size is compiled for itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mindspore import Tensor


def padded_output(
    forward: Callable[..., Any], inputs: Sequence[Tensor], size: int, full: int
) -> Any:
    """Return the output for a batch, which is padded to a full one for the model.

    Args:
        forward: the model.
        inputs: of ``size`` samples each; one of another length is left as it is.
        size: samples of the batch.
        full: samples of a full one.
    """
    return _first(forward(*(_pad(column, size, full) for column in inputs)), size)


def _pad(column: Tensor, size: int, full: int) -> Tensor:
    """Repeat the last sample up to a full batch: a smaller one would be compiled for itself."""
    if size == full or column.shape[0] != size:
        return column
    array = column.asnumpy()
    return Tensor(np.concatenate([array, np.repeat(array[-1:], full - size, axis=0)]))


def _first(output: Any, size: int) -> Any:
    """Return the first samples of an output, which may be several tensors."""
    return tuple(_first(o, size) for o in output) if isinstance(output, tuple) else output[:size]

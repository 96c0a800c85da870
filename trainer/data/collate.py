"""Collate: the values of several samples become one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import BadData

_REMEDY = "transform=plain gives images one size"


def collate(values: Sequence[Any], indices: Sequence[int], column: str) -> NDArray[Any]:
    """Return an array [N, ...] of N values.

    Args:
        values: of one column, each an array or an image of PIL; at least one.
        indices: of the samples, for messages.
        column: name of the column, likewise.

    Raises:
        BadData: the values differ in shape; names two samples.
    """
    arrays = [np.asarray(value) for value in values]
    for index, array in zip(indices, arrays, strict=True):
        check_shape(arrays[0].shape, indices[0], array.shape, index, column)
    return np.stack(arrays)


def check_shape(
    first: tuple[int, ...], first_index: int, shape: tuple[int, ...], index: int, column: str
) -> None:
    """Check the shape of a sample against that of the first one.

    Raises:
        BadData: they differ; names both samples.
    """
    if shape != first:
        raise BadData(
            f"dataset: expected samples of one shape in {column}, received {first} in sample "
            f"{first_index} and {shape} in sample {index}; {_REMEDY}"
        )

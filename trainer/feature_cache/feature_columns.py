"""Feature columns: the types and sizes of features in a store."""

from collections.abc import Sequence
from typing import Any

import mindspore as ms
import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.segment_files import Column


def column_specs(cacheable: Cacheable, dtype: str) -> list[Column]:
    """Return the columns of a store for the features of a model.

    Args:
        cacheable: what can be stored of the model.
        dtype: NumPy's name of the type in which floating-point numbers are stored.
    """
    columns = []
    for shape, ms_dtype in cacheable.feature_specs():
        own = np.dtype(ms.dtype_to_nptype(ms_dtype))
        halved = own.kind == "f" and dtype == "float16"
        columns.append(Column(tuple(shape[1:]), dtype if halved else own.name))
    return columns


def cast(column: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return values in the type of the store.

    Raises:
        ConfigError: a value is too large for that type.
    """
    with np.errstate(over="ignore"):
        result = column.astype(dtype, copy=False)
    if result.dtype != column.dtype and np.isinf(result).sum() > np.isinf(column).sum():
        largest = float(np.abs(column).max())
        expected = "features.dtype: expected values below 65504"
        raise ConfigError([f"{expected}, received {largest:.3g}"])
    return result


def pad(column: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat the last sample up to a full batch."""
    lacking = size - len(column)
    return np.concatenate([column, np.repeat(column[-1:], lacking, axis=0)]) if lacking else column


def to_model_types(cacheable: Cacheable, rows: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return stored rows in the types that the model computes with."""
    dtypes = [ms.dtype_to_nptype(dtype) for _, dtype in cacheable.feature_specs()]
    pairs = zip(rows, dtypes, strict=True)
    return [column.astype(dtype, copy=False) for column, dtype in pairs]

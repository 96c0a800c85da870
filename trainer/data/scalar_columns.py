"""Scalar columns: sources in Python may yield numbers, as MindSpore 2.10 allows with NumPy 1.

MindSpore asks NumPy for an array of each value without a copy, which NumPy 2 refuses for all that
is no array yet.
"""

from functools import wraps
from typing import Any

import numpy as np
from mindspore import Tensor
from mindspore.dataset.engine import datasets_user_defined


def accept_scalars() -> None:
    """Have MindSpore take numbers, texts and lists from sources in Python, in this process."""
    convert = datasets_user_defined._convert_row
    if np.lib.NumpyVersion(np.__version__) < "2.0.0" or hasattr(convert, "__wrapped__"):
        return

    @wraps(convert)
    def convert_scalars(row: Any) -> Any:
        is_row = isinstance(row, tuple | list)
        is_scalar = isinstance(row, int | float | str | bytes | np.generic)
        if is_row:
            return convert(tuple(map(_as_array, row)))
        return convert(np.asarray(row) if is_scalar else row)

    datasets_user_defined._convert_row = convert_scalars


def _as_array(value: Any) -> Any:
    return value if isinstance(value, np.ndarray | Tensor | dict) else np.asarray(value)

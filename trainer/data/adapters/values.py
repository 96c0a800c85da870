"""Values of samples as NumPy arrays, whatever library they come from."""

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

_INT32 = np.iinfo(np.int32)


class ValueTypeError(TypeError):
    """Custom code has returned something else than an image and a label."""


def as_input(value: Any) -> Any:
    """Return an array of float32 or integers, or an image that is no array.

    MindSpore's layers take no float64, which is NumPy's default. A path stays; a transform opens
    its file.
    """
    array = _array(value)
    if array is None:
        return value
    return array.astype(np.float32) if array.dtype == np.float64 else array


def as_column(value: Any) -> Any:
    """Return an array or a tensor as an array; a list stays, because its items may differ."""
    return value if isinstance(value, list) else _array(value)


def as_label(value: Any) -> NDArray[Any]:
    """Return a label as int32 or float32, of which MindSpore's losses take each.

    Raises:
        ValueTypeError: it is no number and no array of numbers.
    """
    array = _array(value)
    if array is None or array.dtype.kind not in "biuf":
        raise ValueTypeError(
            f"expected a number or an array of numbers as label, received {type(value).__name__} "
            f"{str(value)[:40]!r}"
        )
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    fits = not array.size or (array.min() >= _INT32.min and array.max() <= _INT32.max)
    return array.astype(np.int32) if array.dtype.kind == "b" or fits else array


def _array(value: Any) -> NDArray[Any] | None:
    """Return a number, a list of numbers, an array or a tensor as an array; None for others."""
    if isinstance(value, np.ndarray | np.generic | Number):
        return np.asarray(value)
    if hasattr(value, "detach"):  # a tensor of PyTorch, which may be on another device
        value = value.detach().cpu()
    if callable(to_numpy := getattr(value, "numpy", None)):
        return np.asarray(to_numpy())
    if callable(as_numpy := getattr(value, "asnumpy", None)):  # a tensor of MindSpore
        return np.asarray(as_numpy())
    return _from_list(value) if isinstance(value, list | tuple) else None


def _from_list(value: Sequence[Any]) -> NDArray[Any] | None:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # rows of several lengths
        return None
    return None if array.dtype.kind in "OSU" else array

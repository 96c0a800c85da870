"""Kinds of data: what a value of custom code is. Nothing is imported to find that out."""

from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any, TypeGuard


def is_pipeline(value: Any) -> bool:
    """Return whether a value is a pipeline of ``mindspore.dataset``."""
    return any(
        base.__name__ == "Dataset" and base.__module__.startswith("mindspore.dataset")
        for base in type(value).__mro__
    )


def is_array(value: Any) -> bool:
    """Return whether a value is an array of NumPy, PyTorch or another library, scalars included."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def is_sample(value: Any) -> TypeGuard[Sequence[Any] | Mapping[str, Any]]:
    """Return whether an item of a list is a sample rather than one value.

    A sample is a tuple of at least two values, a mapping, or a list that begins with an array or an
    image. A list of numbers, or of lists of numbers, is one value.
    """
    if isinstance(value, Mapping):
        return True
    if isinstance(value, tuple):
        return len(value) > 1
    if isinstance(value, list) and len(value) > 1:
        return not isinstance(value[0], Number | list | tuple | str)
    return False


def is_column(value: Any) -> bool:
    """Return whether a value holds one value per sample: an array, or a list of values."""
    if isinstance(value, list):
        return bool(value) and not is_sample(value[0]) and not is_dataset(value[0])
    return is_array(value) and len(value.shape) > 0


def is_columns(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Return whether a value is a tuple of columns, such as (images, labels)."""
    return isinstance(value, tuple) and len(value) > 1 and all(map(is_column, value))


def is_dataset(value: Any) -> bool:
    """Return whether a value is a whole dataset: each sample has its label."""
    if isinstance(value, list):
        return bool(value) and is_sample(value[0])
    if isinstance(value, tuple):
        return is_columns(value)
    return is_pipeline(value) or is_map_style(value)


def is_map_style(value: Any) -> bool:
    """Return whether an object has ``__len__`` and ``__getitem__`` and is no plain container."""
    if isinstance(value, str | bytes | bytearray | list | tuple | Mapping) or is_array(value):
        return False
    return hasattr(type(value), "__len__") and hasattr(type(value), "__getitem__")


def describe(value: Any) -> str:
    """Return the type of a value, and its shape or what it contains."""
    name = type(value).__name__
    if is_array(value):
        return f"{name} of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"{name} with {', '.join(map(str, value)) or 'no keys'}"
    if isinstance(value, tuple):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, list):
        return f"list of {describe(value[0])}" if value else "empty list"
    return name

"""Tensors: NumPy arrays by name, their comparison, and their files. Needs no MindSpore."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from trainer.core import atomic_files
from trainer.core.errors import ConfigError

_BLOCK = 32_768  # values
_FIRST = 1024  # values
_ROUNDING = 1e-3  # of the largest value

Weights = dict[str, NDArray[np.generic]]


def same_bits(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    """Return whether two arrays of one shape are equal bit for bit, NaN and -0.0 included."""
    if before is after:
        return True
    size = before.dtype.itemsize
    if size != after.dtype.itemsize:
        return False
    # Compared as integers of that size: more than twice as fast as byte by byte.
    kind = f"u{size}" if size in (1, 2, 4, 8) else "u1"
    one, other = (np.atleast_1d(array).view(kind).reshape(-1) for array in (before, after))
    if not np.array_equal(one[:_FIRST], other[:_FIRST]):  # trained weights differ early
        return False
    return bool(np.array_equal(one, other))


def alike(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    """Return whether two arrays have the same type, shape and bits."""
    same_kind = (before.dtype, before.shape) == (after.dtype, after.shape)
    return same_kind and same_bits(before, after)


def sha256(array: NDArray[np.generic]) -> str:
    """Return the SHA-256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def close(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    """Return whether two arrays differ by no more than the rounding of another kernel."""
    room = _ROUNDING * float(np.abs(other).max(initial=0))
    return bool(np.allclose(one, other, rtol=0, atol=room, equal_nan=True))


def norm(array: NDArray[np.generic]) -> float:
    """Return the square root of the sum of the squares, in double precision.

    Not by `np.dot`: OpenBLAS would compute it in threads, which then wait for more work at full
    speed for 45 ms. Where a model trains on two cores meanwhile, LeNet-5's epochs took 1.5 times
    as long.
    """
    return float(np.sqrt(sum(float(np.square(block).sum()) for block in _blocks(array))))


def change(before: NDArray[np.generic], after: NDArray[np.generic]) -> tuple[float, float]:
    """Return the largest and the mean absolute difference; NaN where a value is not finite."""
    largest = total = 0.0
    with np.errstate(invalid="ignore"):  # inf - inf
        for one, other in zip(_blocks(before), _blocks(after), strict=True):
            difference = np.abs(other - one)
            largest = float(np.maximum(largest, difference.max()))  # NaN, if there is one
            total += float(difference.sum())
    return largest, total / max(1, after.size)


def _blocks(array: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    """Yield all values in double precision, in blocks that a processor's cache holds.

    A whole layer at a time takes about ten times as long.
    """
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK].astype(np.float64)


def largest_change(before: NDArray[np.generic], after: NDArray[np.generic]) -> float:
    """Return the largest absolute difference; NaN where a value is not finite."""
    return change(before, after)[0]


def write(
    path: Path,
    weights: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file atomically, with text by key in its header."""
    arrays = {name: np.asarray(a, order="C") for name, a in weights.items()}
    with atomic_files.atomic_write(path) as partial:
        try:
            save_file(arrays, partial, dict(metadata) if metadata else None)
        except SafetensorError as error:  # raised for a full disk too
            raise OSError(str(error)) from None


def names(path: Path) -> list[str]:
    """Return the names of the tensors in a safetensors file; errors are those of ``read``."""
    with _opened(path) as file:
        return list(file.keys())


def metadata(path: Path) -> dict[str, str]:
    """Return the text by key in the header of a safetensors file; errors are those of ``read``."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


def read(path: Path, only: Collection[str] | None = None) -> Weights:
    """Read a safetensors file.

    Args:
        path: the file.
        only: names of the tensors to read, of those that it holds; None: all.

    Raises:
        ConfigError: it does not exist, is truncated, is not safetensors, or holds a type that NumPy
            does not have.
    """
    with _opened(path) as file:
        held = list(file.keys())
        return {name: _tensor(file, name) for name in held if only is None or name in only}


def _tensor(file: Any, name: str) -> NDArray[np.generic]:
    """Return a tensor of a file, unless its type is one that another package has added to NumPy.

    Under NumPy 1 MindSpore adds bfloat16.
    """
    array = file.get_tensor(name)
    if array.dtype.isbuiltin == 2:
        raise TypeError(array.dtype)
    return array


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError:
        raise ConfigError([f"{path}: expected a safetensors file, received none"]) from None
    except (SafetensorError, OSError) as error:
        raise ConfigError([f"{path}: expected a whole safetensors file ({error})"]) from None
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError([f"{path}: expected types that NumPy has, received {error}"]) from None

"""Gathered arrays: outputs and labels of the whole set, on each of several ranks."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainer.distributed.world import World

# Outputs and labels of a batch; the outputs of some models are no array.
Columns: TypeAlias = tuple[Any, NDArray[Any]]


def gather(batches: Sequence[Columns], world: World) -> list[Columns]:
    """Return the batches of all ranks in the order in which they were dealt out, one by one.

    They are sent as text, in 4 bytes for each 3; an output that is no array is sent as None.
    """
    if world.world_size == 1:
        return list(batches)
    parts = world.gather([[_encode(array) for array in batch] for batch in batches])
    dealt = (batch for row in zip_longest(*parts) for batch in row if batch is not None)
    return [(_decode(output), _decode(label)) for output, label in dealt]


def _encode(array: Any) -> list[Any] | None:
    if not isinstance(array, np.ndarray):
        return None
    data = b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return [array.dtype.str, list(array.shape), data]


def _decode(encoded: list[Any] | None) -> Any:
    if encoded is None:
        return None
    dtype, shape, data = encoded
    return np.frombuffer(b64decode(data), dtype).reshape(shape)

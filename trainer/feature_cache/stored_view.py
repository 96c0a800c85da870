"""Stored view: one pass over augmented samples whose features are stored."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class StoredView:
    """One pass over the data: the digest and the label of each sample, and the batch sizes."""

    digests: list[bytes]
    labels: NDArray[Any]
    sizes: list[int]

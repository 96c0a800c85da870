"""Fingerprint: a hash of the data, by which a resumed run notes that they were edited."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any

import mindspore.dataset as ds
import numpy as np
import xxhash

from trainer.backend.batch_types import Batch

_NOT_KNOWN = "-"
_DEPTH = 4  # of references, from the source of a pipeline to its arrays
_ITEMS = 10_000  # hashed of each list, spread evenly


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of the data; each is empty if it is not known.

    Attributes:
        first: of the first batches; a change is seen if it is in these.
        source: of all arrays in memory from which the batches are made.
    """

    first: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Return the form in which a checkpoint holds it: that of the first batches comes first."""
        if not self.source:
            return self.first
        return f"{self.first or _NOT_KNOWN} {self.source}"

    @classmethod
    def parse(cls, text: str) -> "Fingerprint":
        """Return what ``str`` has written."""
        first, _, source = text.partition(" ")
        return cls("" if first == _NOT_KNOWN else first, source)

    def change_since(self, before: "Fingerprint") -> str:
        """Return what has changed, as far as both know it; empty: nothing."""
        if self.first and before.first and self.first != before.first:
            return "the first batches have changed"
        if self.source and before.source and self.source != before.source:
            return "arrays in memory have changed"
        return ""


def of_batches(batches: Iterable[Batch | None]) -> str:
    """Return a hash of all values of some batches, such as the first of a run's pipelines.

    It is cheap, and equal in each process that reads the same data in the same order.
    """
    digest = xxhash.xxh3_128()
    for batch in batches:
        for column in batch or ():
            _add(digest, column.asnumpy())
    return digest.hexdigest()


def of_sources(origins: Iterable[Any]) -> str:
    """Return a hash of what is known of the data without reading them; empty: nothing is.

    These are the arrays that Python sources of pipelines and map-style datasets hold in memory, and
    the ``fingerprint()`` of a map-style dataset that has one. Call it before data are read, because
    a source may keep what it reads.

    Args:
        origins: pipelines and map-style datasets; None stands for none.
    """
    digest, is_known = xxhash.xxh3_128(), False
    for origin in origins:
        for array in _sources(origin) if origin is not None else ():
            _add(digest, array)
            is_known = True
    return digest.hexdigest() if is_known else ""


def _sources(origin: Any) -> Iterator[np.ndarray[Any, Any]]:
    if not isinstance(origin, ds.Dataset):
        own = getattr(origin, "fingerprint", None)
        if callable(own):
            yield np.frombuffer(str(own()).encode(), np.uint8)
        else:
            yield from _arrays(getattr(origin, "source", origin), _DEPTH)
        return
    if isinstance(origin, ds.GeneratorDataset):
        yield from _arrays(origin.source, _DEPTH)
    for child in origin.children:
        yield from _sources(child)


def _arrays(value: Any, depth: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays that a value holds, in lists and attributes too."""
    if isinstance(value, np.ndarray):
        if not value.dtype.hasobject:
            yield value
    elif isinstance(value, Number):
        yield np.asarray(value)
    elif depth and isinstance(value, list | tuple):
        for item in value[:: -(-len(value) // _ITEMS) or 1]:
            yield from _arrays(item, depth - 1)
    elif depth:
        attributes = value if isinstance(value, dict) else getattr(value, "__dict__", {})
        for other in attributes.values():
            if not isinstance(other, Number):  # such as a position, which changes
                yield from _arrays(other, depth - 1)


def _add(digest: xxhash.xxh3_128, array: np.ndarray[Any, Any]) -> None:
    digest.update(f"{array.dtype} {array.shape}".encode())
    if array.ndim:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    else:
        digest.update(array.tobytes())

"""Fingerprint: a hash of some of the data, by which a resumed run notes that they were edited."""

from collections.abc import Iterable

import xxhash

from trainer.backend.batch_types import Batch


def fingerprint(batches: Iterable[Batch | None]) -> str:
    """Return a hash of all values of some batches, such as the first of a run's pipelines.

    It is cheap, and equal in each process that reads the same data in the same order. A change is
    seen if it is in these batches.
    """
    digest = xxhash.xxh3_128()
    for batch in batches:
        for column in batch or ():
            array = column.asnumpy()
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()

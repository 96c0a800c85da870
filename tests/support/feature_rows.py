"""Stores of features with rows that can be told by their number."""

from pathlib import Path

import numpy as np

from trainer.feature_cache.segment_files import Column, Rows
from trainer.feature_cache.store import FeatureStore, digests

COLUMNS = [Column((2, 3), "float32"), Column((), "int32")]


def rows(numbers: range) -> tuple[list[bytes], Rows]:
    """Rows that can be told by their number, and the digests of their samples."""
    keys = digests([np.array([[number] for number in numbers])])
    values = [np.full((2, 3), number, np.float32) for number in numbers]
    return keys, [np.stack(values), np.array(list(numbers), np.int32)]


def open_store(folder: Path, memory: float = 1e9, limit: float = 1e9) -> FeatureStore:
    return FeatureStore(folder / "cache" / "key", COLUMNS, memory, limit)


def fill_store(folder: Path, numbers: range = range(5), **limits: float) -> FeatureStore:
    store = open_store(folder, **limits)
    store.put(*rows(numbers))
    store.flush()
    return store


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / "key").iterdir())


def holds(store: FeatureStore, numbers: range) -> bool:
    keys, values = rows(numbers)
    found = [] if store.missing(keys) else store.get(keys)
    return bool(found) and all(np.array_equal(a, b) for a, b in zip(found, values, strict=True))

"""What is left of a store when it is closed."""

from pathlib import Path

import numpy as np
import pytest

from trainer.feature_cache.segment_files import Column
from trainer.feature_cache.store import FeatureStore

DIGESTS = [bytes([nth]) * 16 for nth in range(3)]
ROWS = [np.arange(6, dtype=np.float32).reshape(3, 2)]
ENTRY = "0123456789abcdef" * 2


def store_in(folder: Path, temporary: bool) -> FeatureStore:
    return FeatureStore(folder / ENTRY, [Column((2,), "float32")], 1e9, 1e9, temporary)


@pytest.mark.parametrize("temporary", [True, False])
def test_only_rows_that_others_can_use_are_left(temporary: bool, tmp_path: Path) -> None:
    store = store_in(tmp_path, temporary)
    store.put(DIGESTS, ROWS)
    store.flush()
    assert list(tmp_path.iterdir()) == [tmp_path / ENTRY]
    store.close()
    assert len(store) == 0 and store.memory_bytes == 0 and store.digests == set()
    assert (tmp_path / ENTRY).exists() is not temporary
    assert len(store_in(tmp_path, False)) == (0 if temporary else 3)


def test_rows_that_are_only_in_memory_are_written_for_other_runs(tmp_path: Path) -> None:
    for temporary in (True, False):
        store = store_in(tmp_path, temporary)
        store.put(DIGESTS, ROWS)
        store.close()
        assert len(store_in(tmp_path, False)) == (0 if temporary else 3)


def test_a_closed_store_takes_no_rows(tmp_path: Path) -> None:
    store = store_in(tmp_path, True)
    store.close()
    store.put(DIGESTS, ROWS)
    store.flush()
    store.close()
    assert len(store) == 0 and not list(tmp_path.iterdir())

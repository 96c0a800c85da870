"""Rows of a store: which are found, and where they are held."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.feature_rows import COLUMNS, fill_store, holds, open_store, rows
from trainer.feature_cache import store as feature_store
from trainer.feature_cache.segment_files import Column
from trainer.feature_cache.store import FeatureStore, digests


def test_rows_are_found_again_here_and_by_another(tmp_path: Path) -> None:
    store = fill_store(tmp_path)
    assert holds(store, range(5)) and holds(store, range(3, 1, -1))
    assert store.missing(rows(range(3, 8))[0]) == [2, 3, 4]
    assert holds(open_store(tmp_path), range(5))


@pytest.mark.parametrize(
    ("column", "nbytes"),
    [(Column((2, 3), "float32"), 24), (Column((), "int32"), 4), (Column((5,), "float16"), 10)],
)
def test_bytes_of_a_row(column: Column, nbytes: int) -> None:
    assert column.nbytes == nbytes


@pytest.mark.parametrize(("memory", "mapped"), [(5 * 28, False), (5 * 28 - 1, True)])
def test_rows_are_mapped_beyond_the_memory_alone(
    memory: float, mapped: bool, tmp_path: Path
) -> None:
    written = fill_store(tmp_path, memory=memory)
    read = open_store(tmp_path, memory=memory)
    for store in (written, read):
        assert holds(store, range(5))
        assert store.memory_bytes == (0 if mapped else 5 * 28)


def test_what_another_writes_meanwhile_is_seen(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.missing(rows(range(5))[0]) == [0, 1, 2, 3, 4]
    fill_store(tmp_path)
    assert holds(store, range(5))


def test_a_row_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    store = fill_store(tmp_path)
    keys, values = rows(range(5))
    store.put(keys, [values[0] + 1, values[1] + 1])
    assert holds(store, range(5))


def test_rows_of_another_kind_are_not_read(tmp_path: Path) -> None:
    fill_store(tmp_path)
    other = [Column((2, 3), "float16"), COLUMNS[1]]
    assert len(FeatureStore(tmp_path / "cache" / "key", other, 1e9, 1e9)) == 0


def test_what_the_folder_cannot_take_stays_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        store = fill_store(tmp_path, range(100), limit=1000)
    assert holds(store, range(100))
    assert "they take more than features.max_mb, 0.001 MB" in caplog.text
    assert not (tmp_path / "cache").exists()


def test_where_neither_takes_more_nothing_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    store = fill_store(tmp_path, range(10), memory=100, limit=0)
    assert 0 < len(store) < 10


def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    (tmp_path / "cache").write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        store = fill_store(tmp_path, range(10))
    assert holds(store, range(10))
    assert caplog.text.count("features are kept in memory only") == 1


def test_what_is_found_wrong_is_not_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_store(tmp_path)
    store = open_store(tmp_path)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)  # another user's
    store.clear()
    assert store.missing(rows(range(5))[0]) == [0, 1, 2, 3, 4]
    store.put(*rows(range(5)))
    assert holds(store, range(5))


def test_a_cleared_store_reads_nothing_that_others_write_later(tmp_path: Path) -> None:
    store = fill_store(tmp_path)
    store.clear()
    fill_store(tmp_path, range(5, 10))
    assert store.missing(rows(range(5, 10))[0]) == [0, 1, 2, 3, 4]
    assert holds(open_store(tmp_path), range(5, 10))


def test_samples_of_several_inputs_are_told_apart_by_all_of_them() -> None:
    one, other = np.zeros((3, 2)), np.array([[1], [1], [2]])
    found = digests([one, other])
    assert found[0] == found[1] != found[2]
    assert len(set(digests([np.asfortranarray(np.arange(12).reshape(4, 3))]))) == 4

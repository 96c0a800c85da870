"""Segments of rows on disk: when they are written, read and dropped."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.feature_rows import COLUMNS, fill_store, holds, open_store, rows, segments
from trainer.feature_cache import store as feature_store
from trainer.feature_cache.store import FeatureStore

ROW = 6 * 4 + 4 + 16  # bytes of the two columns and of the digest


@pytest.mark.parametrize(("limit", "written"), [(5 * ROW, True), (5 * ROW - 1, False)])
def test_the_limit_counts_columns_and_digests(limit: float, written: bool, tmp_path: Path) -> None:
    store = fill_store(tmp_path, limit=limit)
    assert holds(store, range(5))
    assert store.folder.exists() == written


@pytest.mark.parametrize("size", [3 * ROW, 4 * ROW - 1])
def test_a_segment_has_as_many_rows_as_fit(
    size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", size)
    store = open_store(tmp_path)
    for last in (3, 6):
        store.put(*rows(range(last - 3, last - 1)))
        assert len(segments(tmp_path) if store.folder.exists() else []) == last // 3 - 1
        store.put(*rows(range(last - 1, last)))
        assert len(segments(tmp_path)) == last // 3, "a full segment is written at once"
    again = open_store(tmp_path)
    assert (again.adopted, len(again)) == (2, 6)
    assert holds(again, range(6))


def test_a_row_larger_than_a_segment_has_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", ROW - 1)
    store = fill_store(tmp_path, range(2))
    assert len(segments(tmp_path)) == 2
    assert holds(store, range(2))


@pytest.mark.parametrize("memory", [0, 1e9])
def test_full_segments_are_written_and_mapped_beyond_the_memory(
    memory: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    store = fill_store(tmp_path, range(10), memory=memory)
    assert len(segments(tmp_path)) == 4
    assert holds(store, range(10)) and holds(open_store(tmp_path, memory), range(10))
    assert (store.memory_bytes == 0) == (memory == 0)


def test_a_damaged_segment_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill_store(tmp_path)
    file = segments(tmp_path)[0] / "column_0.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with caplog.at_level(logging.WARNING):
        store = open_store(tmp_path)
    assert "damaged; they are computed again" in caplog.text
    assert len(store) == 0 and segments(tmp_path) == []
    assert holds(fill_store(tmp_path), range(5))


@pytest.mark.parametrize("file", ["checksums.json", "column_1.npy", "digests.npy"])
def test_a_segment_that_lacks_a_file_is_not_read(file: str, tmp_path: Path) -> None:
    fill_store(tmp_path)
    (segments(tmp_path)[0] / file).unlink()
    assert len(open_store(tmp_path)) == 0


def test_a_writer_that_is_killed_leaves_nothing_to_be_read(tmp_path: Path) -> None:
    store = fill_store(tmp_path)
    partial = store.folder / f".{segments(tmp_path)[0].name}.{os.getpid()}"
    segments(tmp_path)[0].rename(partial)
    assert len(open_store(tmp_path)) == 0


def test_the_oldest_entry_goes_when_the_limit_is_reached(tmp_path: Path) -> None:
    young, old, new = ("a" * 32, "b" * 32, "c" * 32)
    for age, name in enumerate((young, old)):
        store = FeatureStore(tmp_path / name, COLUMNS, 1e9, 1e9)
        store.put(*rows(range(100)))
        store.flush()
        os.utime(store.folder, (1e9 - age, 1e9 - age))
    size = sum(path.stat().st_size for path in (tmp_path / old).rglob("*") if path.is_file())
    store = FeatureStore(tmp_path / new, COLUMNS, 1e9, 2.5 * size)
    store.put(*rows(range(100)))
    store.flush()
    assert sorted(path.name for path in tmp_path.iterdir()) == [young, new]


def test_two_writers_of_the_same_rows_leave_one_segment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [open_store(tmp_path, memory=0), open_store(tmp_path, memory=0)]
    for store in stores:
        store.put(*rows(range(5)))
    for store in stores:
        store.flush()
    assert len(segments(tmp_path)) == 1 and caplog.text == ""
    assert all(holds(store, range(5)) for store in (*stores, open_store(tmp_path)))


def test_rows_stay_in_memory_where_their_folder_is_dropped_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, memory=0)
    store.put(*rows(range(5)))
    write = FeatureStore._write

    def dropped(self: FeatureStore, name: str, *given: Any) -> bool:
        done = write(self, name, *given)
        shutil.rmtree(self.folder / name)
        return done

    monkeypatch.setattr(FeatureStore, "_write", dropped)
    store.flush()
    assert holds(store, range(5))

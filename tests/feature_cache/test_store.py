import logging
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.core import cache_folder
from trainer.feature_cache import store as feature_store
from trainer.feature_cache.store import Column, FeatureStore, Rows, digests

COLUMNS = [Column((2, 3), "float32"), Column((), "int32")]


def rows(numbers: range) -> tuple[list[bytes], Rows]:
    """Rows that can be told by their number, and the digests of their samples."""
    keys = digests([np.array([[number] for number in numbers])])
    values = [np.full((2, 3), number, np.float32) for number in numbers]
    return keys, [np.stack(values), np.array(list(numbers), np.int32)]


def opened(folder: Path, memory: float = 1e9, limit: float = 1e9) -> FeatureStore:
    return FeatureStore(folder / "cache" / "key", COLUMNS, memory, limit)


def filled(folder: Path, numbers: range = range(5), **limits: float) -> FeatureStore:
    store = opened(folder, **limits)
    store.put(*rows(numbers))
    store.flush()
    return store


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / "key").iterdir())


def holds(store: FeatureStore, numbers: range) -> bool:
    keys, values = rows(numbers)
    found = [] if store.missing(keys) else store.get(keys)
    return bool(found) and all(np.array_equal(a, b) for a, b in zip(found, values, strict=True))


def test_rows_are_found_again_here_and_by_another(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert holds(store, range(5)) and holds(store, range(3, 1, -1))
    assert store.missing(rows(range(3, 8))[0]) == [2, 3, 4]
    assert holds(opened(tmp_path), range(5))


@pytest.mark.parametrize(
    ("column", "nbytes"),
    [(Column((2, 3), "float32"), 24), (Column((), "int32"), 4), (Column((5,), "float16"), 10)],
)
def test_bytes_of_a_row(column: Column, nbytes: int) -> None:
    assert column.nbytes == nbytes


ROW = 6 * 4 + 4 + 16  # bytes of the two columns and of the digest


@pytest.mark.parametrize(("limit", "written"), [(5 * ROW, True), (5 * ROW - 1, False)])
def test_the_limit_counts_columns_and_digests(limit: float, written: bool, tmp_path: Path) -> None:
    store = filled(tmp_path, limit=limit)
    assert holds(store, range(5))
    assert store.folder.exists() == written


@pytest.mark.parametrize("size", [3 * ROW, 4 * ROW - 1])
def test_a_segment_has_as_many_rows_as_fit(
    size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", size)
    store = opened(tmp_path)
    for last in (3, 6):
        store.put(*rows(range(last - 3, last - 1)))
        assert len(segments(tmp_path) if store.folder.exists() else []) == last // 3 - 1
        store.put(*rows(range(last - 1, last)))
        assert len(segments(tmp_path)) == last // 3, "a full segment is written at once"
    again = opened(tmp_path)
    assert (again.adopted, len(again)) == (2, 6)
    assert holds(again, range(6))


def test_a_row_larger_than_a_segment_has_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", ROW - 1)
    store = filled(tmp_path, range(2))
    assert len(segments(tmp_path)) == 2
    assert holds(store, range(2))


@pytest.mark.parametrize(("memory", "mapped"), [(5 * 28, False), (5 * 28 - 1, True)])
def test_rows_are_mapped_beyond_the_memory_alone(
    memory: float, mapped: bool, tmp_path: Path
) -> None:
    written = filled(tmp_path, memory=memory)
    read = opened(tmp_path, memory=memory)
    for store in (written, read):
        assert holds(store, range(5))
        assert store.memory_bytes == (0 if mapped else 5 * 28)


def test_what_another_writes_meanwhile_is_seen(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.missing(rows(range(5))[0]) == [0, 1, 2, 3, 4]
    filled(tmp_path)
    assert holds(store, range(5))


def test_a_row_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    store = filled(tmp_path)
    keys, values = rows(range(5))
    store.put(keys, [values[0] + 1, values[1] + 1])
    assert holds(store, range(5))


@pytest.mark.parametrize("memory", [0, 1e9])
def test_full_segments_are_written_and_mapped_beyond_the_memory(
    memory: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    store = filled(tmp_path, range(10), memory=memory)
    assert len(segments(tmp_path)) == 4
    assert holds(store, range(10)) and holds(opened(tmp_path, memory), range(10))
    assert (store.memory_bytes == 0) == (memory == 0)


def test_a_damaged_segment_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    file = segments(tmp_path)[0] / "column_0.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with caplog.at_level(logging.WARNING):
        store = opened(tmp_path)
    assert "damaged; they are computed again" in caplog.text
    assert len(store) == 0 and segments(tmp_path) == []
    assert holds(filled(tmp_path), range(5))


@pytest.mark.parametrize("file", ["checksums.json", "column_1.npy", "digests.npy"])
def test_a_segment_that_lacks_a_file_is_not_read(file: str, tmp_path: Path) -> None:
    filled(tmp_path)
    (segments(tmp_path)[0] / file).unlink()
    assert len(opened(tmp_path)) == 0


def test_rows_of_another_kind_are_not_read(tmp_path: Path) -> None:
    filled(tmp_path)
    other = [Column((2, 3), "float16"), COLUMNS[1]]
    assert len(FeatureStore(tmp_path / "cache" / "key", other, 1e9, 1e9)) == 0


def test_a_writer_that_is_killed_leaves_nothing_to_be_read(tmp_path: Path) -> None:
    store = filled(tmp_path)
    partial = store.folder / f".{segments(tmp_path)[0].name}.{os.getpid()}"
    segments(tmp_path)[0].rename(partial)
    assert len(opened(tmp_path)) == 0


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


def test_what_the_folder_cannot_take_stays_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        store = filled(tmp_path, range(100), limit=1000)
    assert holds(store, range(100))
    assert "they take more than features.max_mb, 0.001 MB" in caplog.text
    assert not (tmp_path / "cache").exists()


def test_where_neither_takes_more_nothing_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    store = filled(tmp_path, range(10), memory=100, limit=0)
    assert 0 < len(store) < 10


def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_store, "_SEGMENT_BYTES", 3 * (6 * 4 + 4 + 16))
    (tmp_path / "cache").write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        store = filled(tmp_path, range(10))
    assert holds(store, range(10))
    assert caplog.text.count("features are kept in memory only") == 1


def test_what_is_found_wrong_is_not_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    store = opened(tmp_path)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)  # another user's
    store.clear()
    assert store.missing(rows(range(5))[0]) == [0, 1, 2, 3, 4]
    store.put(*rows(range(5)))
    assert holds(store, range(5))


def test_a_cleared_store_reads_nothing_that_others_write_later(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.clear()
    filled(tmp_path, range(5, 10))
    assert store.missing(rows(range(5, 10))[0]) == [0, 1, 2, 3, 4]
    assert holds(opened(tmp_path), range(5, 10))


def test_two_writers_of_the_same_rows_leave_one_segment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stores = [opened(tmp_path, memory=0), opened(tmp_path, memory=0)]
    for store in stores:
        store.put(*rows(range(5)))
    for store in stores:
        store.flush()
    assert len(segments(tmp_path)) == 1 and caplog.text == ""
    assert all(holds(store, range(5)) for store in (*stores, opened(tmp_path)))


def test_rows_stay_in_memory_where_their_folder_is_dropped_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, memory=0)
    store.put(*rows(range(5)))
    write = FeatureStore._write

    def dropped(self: FeatureStore, name: str, *given: Any) -> bool:
        done = write(self, name, *given)
        shutil.rmtree(self.folder / name)
        return done

    monkeypatch.setattr(FeatureStore, "_write", dropped)
    store.flush()
    assert holds(store, range(5))


def test_only_entries_are_dropped_whatever_lies_beside_them(tmp_path: Path) -> None:
    for name in ("data", ".ssh", "f" * 32, "e" * 32, f".{'e' * 32}.1", ".venv.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(1000))
        os.utime(tmp_path / name, (1e9 + len(name), 1e9 + len(name)))
    os.utime(tmp_path / ("e" * 32), (1e9, 1e9))
    assert cache_folder.drop_oldest(tmp_path, 1500) == 1000
    cache_folder.clear_partial(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".ssh", ".venv.1", "data", "f" * 32]


def test_without_a_home_the_cache_is_among_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert cache_folder.folder("graphs").parts[-2:] == ("freeze-trainer", "graphs")


def test_samples_of_several_inputs_are_told_apart_by_all_of_them() -> None:
    one, other = np.zeros((3, 2)), np.array([[1], [1], [2]])
    found = digests([one, other])
    assert found[0] == found[1] != found[2]
    assert len(set(digests([np.asfortranarray(np.arange(12).reshape(4, 3))]))) == 4

"""Hashes of files that are remembered between runs."""

import hashlib
import os
from pathlib import Path

import pytest

from trainer.core import atomic_files
from trainer.core.file_hashes import FileHashes


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file that was written long ago; the cache is next to it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_bytes(b"content")
    os.utime(tmp_path / "root" / "a", (1e9, 1e9))
    return tmp_path / "root"


def never(path: Path) -> str:
    raise AssertionError(path)


def test_a_file_is_read_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = FileHashes(old)
    expected = 7, hashlib.sha256(b"content").hexdigest()
    assert hashes.sha256("a") == expected
    hashes.save()
    monkeypatch.setattr(atomic_files, "digest", never)
    assert FileHashes(old).sha256("a") == expected
    with pytest.raises(FileNotFoundError):
        FileHashes(old).sha256("b")


def test_another_size_or_time_is_read_again(old: Path) -> None:
    hashes = FileHashes(old)
    first = hashes.sha256("a")
    (old / "a").write_bytes(b"CONTENT")
    os.utime(old / "a", (1e9 + 1, 1e9 + 1))
    assert hashes.sha256("a") != first


def test_a_file_that_has_just_changed_is_not_remembered(old: Path) -> None:
    (old / "a").write_bytes(b"CONTENT")
    hashes = FileHashes(old)
    hashes.sha256("a")
    (old / "a").write_bytes(b"content")
    assert hashes.sha256("a")[1] == hashlib.sha256(b"content").hexdigest()


def test_a_damaged_cache_is_no_error(old: Path, tmp_path: Path) -> None:
    hashes = FileHashes(old)
    hashes.sha256("a")
    hashes.save()
    (file,) = (tmp_path / "cache").rglob("hashes.json")
    for content in ("", "[]", '{"a": 3}', '{"a": [7, 1000000000000000000]}'):
        file.write_text(content)
        assert FileHashes(old).sha256("a")[1] == hashlib.sha256(b"content").hexdigest()


def test_a_cache_that_cannot_be_written_is_no_error(old: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    hashes = FileHashes(old)
    hashes.sha256("a")
    hashes.save()

"""The folders of caches: where they are, and what is dropped from them."""

import os
from pathlib import Path

import pytest

from trainer.core import cache_folder


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

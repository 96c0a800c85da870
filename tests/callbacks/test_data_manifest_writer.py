"""The hashes of the data's files, read while a run trains."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from trainer.artifacts import data_manifest
from trainer.callbacks.background_writer import run_now
from trainer.callbacks.data_manifest_writer import DataManifestWriter
from trainer.engine.callback import RunInfo


def written(folder: Path, *files: str, done: bool = True) -> DataManifestWriter:
    parts = {"train": SimpleNamespace(root=folder, files=files)}
    writer = DataManifestWriter(folder, parts)
    writer.on_run_start(RunInfo(folder, {}, run_now))
    writer.on_run_end(done)
    return writer


def test_it_is_written_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    written(tmp_path, "a")
    manifest = data_manifest.read(tmp_path)
    assert manifest is not None and manifest.files[0].size == 7


def test_files_that_cannot_be_read_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        written(tmp_path, "a", "b")
    assert "2 files of the data cannot be read: a, b" in caplog.text


def test_a_run_that_ends_early_does_not_wait(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    written(tmp_path, *["a"] * 1_000_000, done=False)
    assert data_manifest.read(tmp_path) is None


def test_data_that_are_no_files_have_none(tmp_path: Path) -> None:
    DataManifestWriter(tmp_path, {"train": [1, 2]}).on_run_end(True)
    assert not list(tmp_path.iterdir())

"""Where the library is, and why it is missing."""

import importlib.metadata
import platform
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace

import pytest

from trainer.backend.convolutions import native_library


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the room's; no other trainer is installed."""
    monkeypatch.setattr(native_library, "__file__", str(tmp_path / "native_library.py"))
    native_library._library.cache_clear()
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: installed(tmp_path))
    return tmp_path


def installed(folder: Path) -> SimpleNamespace:
    """Return a distribution whose files are in a folder."""
    return SimpleNamespace(locate_file=lambda path: folder / path)


def test_a_library_of_this_python_is_found(folder: Path) -> None:
    assert native_library.path() is None
    (folder / "_blocked.cpython-27-x86_64-linux-gnu.so").touch()
    assert native_library.path() is None
    file = folder / f"_blocked{EXTENSION_SUFFIXES[0]}"
    file.touch()
    assert native_library.path() == file
    assert native_library.missing_reason() == ""


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert "C++ compiler" in native_library.missing_reason()
    assert "C++ compiler" in native_library.install()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "only for Linux on x86-64" in native_library.missing_reason()
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only for Linux on x86-64" in native_library.missing_reason()


def test_a_library_of_another_folder_than_the_one_that_runs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    inner = Path("trainer", "backend", "convolutions")
    checkout, site = tmp_path / "checkout", tmp_path / "site-packages"
    monkeypatch.setattr(native_library, "__file__", str(checkout / inner / "native_library.py"))
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: installed(site))
    assert "C++ compiler" in native_library.missing_reason()
    (site / inner).mkdir(parents=True)
    (site / inner / f"_blocked{EXTENSION_SUFFIXES[0]}").touch()
    reason = native_library.missing_reason()
    assert f"the installed trainer in {site} has the library" in reason
    assert reason.endswith(f"pip install -e {checkout}")


def test_a_library_that_cannot_be_loaded_is_a_reason(folder: Path) -> None:
    (folder / f"_blocked{EXTENSION_SUFFIXES[0]}").write_text("no library")
    assert "cannot be loaded" in native_library.install()

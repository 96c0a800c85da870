"""Where the library is, and why it is missing."""

import platform
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from trainer.backend.convolutions import native_library


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the room's."""
    monkeypatch.setattr(native_library, "__file__", str(tmp_path / "native_library.py"))
    native_library._library.cache_clear()
    return tmp_path


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


def test_a_library_that_cannot_be_loaded_is_a_reason(folder: Path) -> None:
    (folder / f"_blocked{EXTENSION_SUFFIXES[0]}").write_text("no library")
    assert "cannot be loaded" in native_library.install()

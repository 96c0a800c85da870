"""Matplotlib says nothing where the home directory is not writable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.core import matplotlib_folder

CODE = (
    "from trainer.core import matplotlib_folder; matplotlib_folder.ensure_writable()\n"
    "import matplotlib; print(matplotlib.get_cachedir())"
)


@pytest.mark.parametrize("cache", ["", "cache"])
def test_matplotlib_has_a_folder_without_a_home(cache: str, tmp_path: Path) -> None:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")
    }
    environment |= {"HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    environment["XDG_CACHE_HOME"] = str(tmp_path / cache) if cache else ""
    command = [sys.executable, "-c", CODE]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert Path(ended.stdout.strip()).is_relative_to(tmp_path)


def test_the_users_own_choice_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setenv("MPLCONFIGDIR", "/mine")
    matplotlib_folder.ensure_writable()
    assert os.environ["MPLCONFIGDIR"] == "/mine"


def test_a_writable_home_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    matplotlib_folder.ensure_writable()
    assert "MPLCONFIGDIR" not in os.environ

"""Matplotlib's folder: a writable one for its caches, named before matplotlib is imported.

Where the home directory is not writable, matplotlib would build its font cache in each process and
warn of it in two lines.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from trainer.core import cache_folder

_VARIABLE = "MPLCONFIGDIR"


def ensure_writable() -> None:
    """Set ``MPLCONFIGDIR`` unless the user has, or matplotlib's own folders are writable."""
    if _VARIABLE in os.environ or all(_is_writable(folder) for folder in _defaults()):
        return
    temporary = Path(tempfile.gettempdir()) / f"matplotlib-of-user-{os.getuid()}"
    for folder in (cache_folder.folder("matplotlib"), temporary):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
                os.environ[_VARIABLE] = str(folder)
                return


def _defaults() -> list[Path]:
    """Return the folders that matplotlib uses by default on Linux; none without a home."""
    home = Path(os.environ.get("HOME") or "/nowhere")
    places = (("XDG_CONFIG_HOME", home / ".config"), ("XDG_CACHE_HOME", home / ".cache"))
    return [Path(os.environ.get(name) or folder) / "matplotlib" for name, folder in places]


def _is_writable(folder: Path) -> bool:
    """Tell whether a folder can be written in, or can be created."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)

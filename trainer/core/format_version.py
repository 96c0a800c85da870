"""Format version: each file of a run states it, so that no trainer misreads a newer one's files."""

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from trainer.core.errors import ConfigError

# One number for all files of a run. Raise it when a file changes in a way that the trainers before
# would misread. 1: files do not state it. 2: they do, and checkpoints keep what is frozen apart.
FORMAT = 2

_PACKAGE = "freeze-trainer"


def stamp(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a file headed by the format version and the trainer that writes it."""
    header = {"format": FORMAT, "trainer": _trainer()}
    return header | dict(data) | header


def check(data: Any, path: Path) -> None:
    """Refuse the data of a file that a newer trainer has written.

    Args:
        data: as read; without a format version, they are of version 1.
        path: the file, for messages.

    Raises:
        ConfigError: the format is newer; the message names the trainer that reads it.
        ValueError: the data are no object, or their format version is no number above 0.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"expected a JSON object, received a {type(data).__name__}")
    received = data.get("format", 1)
    if not isinstance(received, int) or received < 1:
        raise ValueError(f"format: expected a whole number above 0, received {received!r}")
    if received > FORMAT:
        raise ConfigError(
            [
                f"{path}: expected format {FORMAT} or older, which {_PACKAGE} {_trainer()} reads, "
                f"received format {received}: {_PACKAGE} {data.get('trainer', 'newer')} reads it"
            ]
        )


def content(data: Any, path: Path) -> dict[str, Any]:
    """Return the data of a file without their header; errors are those of ``check``."""
    check(data, path)
    return {key: value for key, value in data.items() if key not in ("format", "trainer")}


@cache
def _trainer() -> str:
    """Return the version of this trainer."""
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:  # a checkout that nobody has installed
        return "of a checkout"

"""User errors: an exception in custom code, with the line that raised it."""

import sysconfig
import traceback
from pathlib import Path

from trainer.core.text import first_line

_PACKAGE = Path(__file__).resolve().parents[2]  # of the trainer
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
_PACKAGES = {"site-packages", "dist-packages"}


def describe_error(error: Exception) -> str:
    """Return the type and the text of an error, with the line of custom code that raised it."""
    return f"{type(error).__name__}: {first_line(error)}{line_of(error)}"


def line_of(error: BaseException) -> str:
    """Return the last line of custom code in a traceback, as `` (file:line)``."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if not _is_library(Path(f.filename))), None)
    return f" ({frame.filename}:{frame.lineno})" if frame else ""


def _is_library(file: Path) -> bool:
    is_package = bool(_PACKAGES.intersection(file.parts))
    return is_package or any(file.is_relative_to(place) for place in (_PACKAGE, _STANDARD_LIBRARY))

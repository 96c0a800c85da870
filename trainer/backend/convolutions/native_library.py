"""Library: the compiled part, as Python calls it. Imports no MindSpore."""

import ctypes
import importlib.metadata
import platform
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_NAME = "_blocked"
_DISTRIBUTION = "freeze-trainer"


@dataclass(frozen=True)
class Counts:
    """What the library has done in this process.

    Attributes:
        made: convolutions in blocked layouts, and BatchNorms in the library's own code.
        plain: those that were left to oneDNN in plain layouts.
        executed: executions of those that were made.
        failed: executions by oneDNN in plain layouts, because something failed.
        scratch: bytes of memory for reordered tensors.
    """

    made: int
    plain: int
    executed: int
    failed: int
    scratch: int


def path() -> Path | None:
    """Return the file of the library; None if it was not built."""
    return _library_in(Path(__file__).parent)


def _library_in(folder: Path) -> Path | None:
    files = (folder / f"{_NAME}{suffix}" for suffix in EXTENSION_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def missing_reason() -> str:
    """Return why there is no library; empty if there is one."""
    if path() is not None:
        return ""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the library exists only for Linux on x86-64"
    if installed := _installed_elsewhere():
        return (
            f"the installed trainer in {installed} has the library, but Python runs the one in "
            f"{_root(__file__)}; install that one: pip install -e {_root(__file__)}"
        )
    return "the library was not built when the trainer was installed, which takes a C++ compiler"


def _installed_elsewhere() -> Path | None:
    """Return where a trainer with a library is installed that is not the one that runs."""
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    package = Path(*__name__.split(".")[:-1])
    folder = Path(str(distribution.locate_file(str(package))))
    return _root(folder / "library") if _library_in(folder) else None


def _root(file: Path | str) -> Path:
    """Return the folder that contains the package of a file next to this module."""
    return Path(file).parents[__name__.count(".")]


def install() -> str:
    """Give MindSpore blocked convolutions from now on; return why not, empty if it has them.

    Call it once MindSpore is imported. Later calls do nothing.
    """
    try:
        why: bytes | None = _library().blocked_install()
    except OSError as error:  # it was built for another system, for example
        return f"the library cannot be loaded: {error}"
    return why.decode() if why else ""


def onednn_version() -> str:
    """Return the version of MindSpore's oneDNN, such as ``3.10.1``; empty if it has none."""
    version: bytes = _library().blocked_onednn()
    return version.decode()


def counts() -> Counts:
    """Return what the library has done in this process."""
    numbers = (ctypes.c_ulonglong * 5)()
    _library().blocked_counts(numbers)
    return Counts(*numbers)


@cache
def _library() -> ctypes.CDLL:
    file = path()
    if file is None:
        raise OSError(missing_reason())
    library = ctypes.CDLL(str(file))
    for function in (library.blocked_install, library.blocked_onednn):
        function.argtypes, function.restype = [], ctypes.c_char_p
    library.blocked_counts.restype = None
    return library

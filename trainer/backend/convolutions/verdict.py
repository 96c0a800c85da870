"""Verdict: whether blocked convolutions can be used on this machine. Imports no MindSpore.

It has to be known before MindSpore is imported. A child process tries them, once for all that the
result depends on; the user's cache folder keeps the verdict, and child processes inherit it.
"""

import fcntl
import importlib.metadata
import importlib.util
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.backend import instruction_set, processor
from trainer.backend.convolutions import child, native_library
from trainer.backend.tested_versions import untested_reason
from trainer.core import atomic_files, cache_folder, format_version
from trainer.core.errors import CannotWrite, ConfigError

log = logging.getLogger(__name__)

_SELF_TEST = ("self_test.py", "reference.py", "batch_norm_reference.py")
# The verdict that child processes inherit, with its key: theirs may be another machine.
_INHERITED = "TRAINER_CONVOLUTIONS_VERDICT"


def reason(may_test: bool = True) -> str | None:
    """Return why blocked convolutions cannot be used; empty if they can.

    Args:
        may_test: whether to start the self-test if there is no verdict yet; else the result is
            None in that case.
    """
    if known := native_library.missing_reason() or untested_reason(
        "MindSpore", _version("mindspore")
    ):
        return known
    facts = _facts()
    key = atomic_files.checksum(facts)
    why = _inherited(key)
    if why is None:
        why = _kept_or_tested(key, facts, may_test)
    if why is not None:
        os.environ |= inheritance(why, key)
    return why


def inheritance(why: str, key: str = "") -> dict[str, str]:
    """Return the variable by which another process on this machine has this verdict."""
    key = key or atomic_files.checksum(_facts())
    return {_INHERITED: json.dumps({"key": key, "why": why})}


def _facts() -> dict[str, Any]:
    """Return all that the verdict depends on."""
    file, folder = native_library.path(), Path(__file__).parent
    assert file is not None
    return {
        "library": atomic_files.digest(file),
        "self-test": [atomic_files.digest(folder / name) for name in _SELF_TEST],
        "versions": {name: _version(name) for name in ("mindspore", "numpy")},
        "onednn": _onednn_file(),
        "processor": [processor.model(), processor.flags()],
        "environment": _variables(),
    }


def _variables() -> dict[str, str]:
    """Return the variables that configure oneDNN."""
    environment = instruction_set.environment_of_user()
    return {k: environment[k] for k in sorted(environment) if k.startswith(("ONEDNN_", "DNNL_"))}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _onednn_file() -> list[int]:
    """Return size and time of MindSpore's oneDNN, whose hash would take 50 ms."""
    spec = importlib.util.find_spec("mindspore")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    with suppress(OSError):
        status = (folder / "lib" / "libdnnl.so.3").stat()
        return [status.st_size, status.st_mtime_ns]
    return []


def _inherited(key: str) -> str | None:
    with suppress(ValueError):
        return _why(json.loads(os.environ.get(_INHERITED, "null")), key)
    return None


def _why(record: Any, key: str) -> str | None:
    """Return what a record says; None if it is none, or one of something else."""
    if isinstance(record, Mapping) and record.get("key") == key:
        why = record.get("why")
        return why if isinstance(why, str) else None
    return None


def _kept_or_tested(key: str, facts: Mapping[str, Any], may_test: bool) -> str | None:
    """Return the verdict that is kept; if there is none, that of a self-test."""
    folder = cache_folder.folder("convolutions")
    file = folder / f"{key}.json"
    why = _read(file, key)
    if why is not None or not may_test:
        return why
    with _one_at_a_time(folder):
        why = _read(file, key)  # another process may have tested meanwhile
        if why is None:
            why, is_final = child.self_test()
            if is_final:
                _write(file, {"key": key, "why": why, **facts})
    return why


def _read(file: Path, key: str) -> str | None:
    with suppress(OSError, ValueError, ConfigError):
        return _why(format_version.content(json.loads(file.read_text()), file), key)
    return None


def _write(file: Path, record: Mapping[str, Any]) -> None:
    try:
        atomic_files.write_json(file, format_version.stamp(record))
    except CannotWrite as error:
        log.warning(
            "warning: the self-test of device.convolutions runs at each start, because its result "
            "is not kept: %s",
            error,
        )


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other processes waiting while the block runs, if the folder can be written."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = (folder / "lock").open("a")
    except OSError:
        yield
        return
    with lock:
        with suppress(OSError):  # a file system without locks: both test
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

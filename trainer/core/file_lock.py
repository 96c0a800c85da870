"""File lock: one process at a time in a run's folder.

On file systems without locks, where a run continues without one, the package filelock raises an
error or falls back to a lock file that a kill leaves behind.
"""

import errno
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.core.errors import CannotWrite, ConfigError
from trainer.core.run_files import CONFIG, HYDRA, LOCK

_held: set[Path] = set()
_NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextmanager
def lock_run(folder: Path | None) -> Iterator[None]:
    """Keep other processes out of a run's folder while the block runs; a kill releases it too.

    Does nothing for a folder without ``.hydra``, which holds no run, for one that this process
    has locked already, and on file systems without locks.

    Raises:
        ConfigError: another process is at work in it.
        CannotWrite: it is read-only, for example.
    """
    if folder is None or not (folder / HYDRA).is_dir() or folder.resolve() in _held:
        yield
        return
    path = folder.resolve()
    with exclusive(path / LOCK, f"hydra.run.dir: another process is at work in {folder}"):
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


@contextmanager
def claim_run(folder: Path) -> Iterator[None]:
    """Make a folder that of a new run, and keep other processes out of it while the block runs.

    Of several processes that claim a folder at once, one gets it.

    Raises:
        ConfigError: another process is at work in it, or another run has begun in it.
        CannotWrite: it is read-only, for example.
    """
    was_held = is_held(folder)
    (folder / HYDRA).mkdir(exist_ok=True)
    with lock_run(folder):
        if not was_held and (folder / CONFIG).exists():  # another process was faster
            raise ConfigError([f"hydra.run.dir: another run has begun in {folder}"])
        yield


@contextmanager
def exclusive(path: Path, taken: str) -> Iterator[None]:
    """Hold a lock file while the block runs; it is created if there is none.

    Raises:
        ConfigError: another process holds it; ``taken`` is the message.
        CannotWrite: its folder is read-only, for example.
    """
    with _opened(path) as file:
        if not _locked(file):
            raise ConfigError([taken])
        yield


def _locked(file: TextIO) -> bool:
    for wait in (0.05, 0.2, 0.0):  # ``is_taken`` holds it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(wait)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
            return True
    return False


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a")
    except OSError as error:
        raise CannotWrite(f"expected to write {path}: {error.strerror}") from None


def is_taken(folder: Path) -> bool:
    """Return whether a process, this one or another, is at work in a run's folder."""
    if is_held(folder):
        return True
    try:
        with (folder / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:  # without locks, the recorded status counts
        return error.errno in _NOT_SUPPORTED
    return False


def is_held(folder: Path) -> bool:
    """Return whether this process has locked a folder."""
    return folder.resolve() in _held

"""Lock: one process at a time in a run's folder."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trainer.errors import CannotWrite, Mistake
from trainer.folder import HYDRA, LOCK

_held: set[Path] = set()
_UNKNOWN_TO_DISK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Keep other processes out of a run's folder while the block runs; a kill frees it as well.

    Does nothing for a folder without ``.hydra``, which holds no run, for one that this process
    holds already, and where the file system knows no locks.

    Raises:
        Mistake: another process is at work in it.
        CannotWrite: it is read-only, say.
    """
    if folder is None or not (folder / HYDRA).is_dir() or folder.resolve() in _held:
        yield
        return
    path = folder.resolve()
    with _opened(path / LOCK) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Mistake([f"hydra.run.dir: another process is at work in {folder}"]) from None
        except OSError as error:
            if error.errno not in _UNKNOWN_TO_DISK:
                raise
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a")
    except OSError as error:
        raise CannotWrite(f"expected to write {path}: {error.strerror}") from None


def is_held(folder: Path) -> bool:
    """Tell whether this process holds a folder."""
    return folder.resolve() in _held

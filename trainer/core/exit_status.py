"""Endings: the exit code and the message of whatever ends a command."""

import errno
import traceback

from trainer.core.errors import CannotWrite, Interrupted, TrainerExit
from trainer.core.run_files import OUTPUT

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def exit_status(error: BaseException) -> tuple[int, str]:
    """Return the exit code and what to say; of a bug, that is its traceback.

    What a disk refuses to others' code, such as Hydra's, is told like what it refuses to ours.
    """
    cause = error.__cause__
    if isinstance(error, KeyboardInterrupt):
        if isinstance(cause, TrainerExit):
            return cause.code, str(cause)
        return Interrupted.code, "stopped at once; what was not saved by then is lost"
    if isinstance(error, TrainerExit):
        return error.code, str(error)
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        return CannotWrite.code, f"expected to write {error.filename or 'a file'}: {error.strerror}"
    return 1, "".join(traceback.format_exception(error)).rstrip()


def one_line(why: str) -> str:
    """Return what matters of a message: of a traceback, its last line."""
    rows = why.strip().splitlines() or [""]
    if rows[0].startswith("Traceback"):
        return f"{rows[-1]}; the traceback is in its {OUTPUT}"
    listed = rows[0].endswith((" configuration error:", " configuration errors:"))
    return "; ".join(row.removeprefix("  - ") for row in rows[1:]) if listed else rows[0]

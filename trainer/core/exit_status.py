"""Exit status: the exit code and the message of whatever ends a command."""

import errno
import traceback

from trainer.core.errors import CannotWrite, Interrupted, TrainerExit
from trainer.core.run_files import OUTPUT

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def exit_status(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the message, which is the traceback for a bug.

    A write that fails in other code, such as Hydra's, is reported like one that fails in ours.
    """
    cause = error.__cause__
    if isinstance(error, KeyboardInterrupt):
        if isinstance(cause, TrainerExit):
            return cause.code, str(cause)
        return Interrupted.code, "stopped at once; what was not saved by then is lost"
    if isinstance(error, TrainerExit):
        return error.code, str(error)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return CannotWrite.code, f"expected to write {error.filename or 'a file'}: {error.strerror}"
    return 1, "".join(traceback.format_exception(error)).rstrip()


def one_line(why: str) -> str:
    """Return a message in one line: the problems of a list, the last line of a traceback."""
    rows = why.strip().splitlines() or [""]
    if rows[0].startswith("Traceback"):
        return f"{rows[-1]}; the traceback is in its {OUTPUT}"
    listed = rows[0].endswith((" configuration error:", " configuration errors:"))
    return "; ".join(row.removeprefix("  - ") for row in rows[1:]) if listed else rows[0]

"""Entry point: what all commands share: exit codes, signals, ``--config-dir`` and ``--help``."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from trainer.backend import instruction_set
from trainer.config import config_folders
from trainer.core import log_handlers, matplotlib_folder, path_errors
from trainer.core.errors import ConfigError, Interrupted, RestartRequired, TrainerExit
from trainer.core.exit_status import exit_status
from trainer.core.out_of_memory import out_of_memory
from trainer.core.signals import StopFlag, catch_signals
from trainer.distributed import world

log = logging.getLogger(__name__)


@contextmanager
def exit_codes() -> Iterator[StopFlag]:
    """Turn a TrainerExit into its message on stderr and its exit code; a bug keeps its traceback.

    Yields the flag that a signal sets. Signals are caught from the start, because one that arrives
    while MindSpore is imported would end in its C++.
    """
    _open_closed_streams()
    matplotlib_folder.ensure_writable()
    try:
        with log_handlers.log_to_screen(), catch_signals() as stop:
            yield stop
        if world.current().world_size > 1:
            _leave(0)
    except RestartRequired as required:
        _restart(required, stop)
    except BrokenPipeError:  # the reader of the output has ended, as in `... --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (TrainerExit, OSError, RuntimeError, MemoryError, KeyboardInterrupt) as raised:
        error = _as_exit(raised)
        code, why = exit_status(error)
        if code == 1 and not isinstance(error, TrainerExit):
            raise
        if why:  # empty if another rank has reported it
            _report(why)
        if code == Interrupted.code and isinstance(error, KeyboardInterrupt):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # an ordinary exit aborts while MindSpore runs
        _leave(code)


def _report(text: str) -> None:
    with suppress(OSError):  # the terminal may be closed
        print(text, file=sys.stderr)


def _restart(required: RestartRequired, stop: StopFlag) -> NoReturn:
    """Start this command again, unless a signal has come."""
    if stop():
        sys.exit(Interrupted.code)
    _report(f"{required}; the command starts again")
    sys.stdout.flush()
    sys.stderr.flush()
    environment = instruction_set.environment_of_user() | required.environment
    os.execve(sys.executable, sys.orig_argv, environment)


def _open_closed_streams() -> None:
    """Open ``/dev/null`` in place of a standard stream that is closed, as in a daemon.

    Python has None there, to which the progress bar cannot write; and the next file that is
    opened, a checkpoint for example, would get the stream's number, to which MindSpore's C++
    writes its warnings.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, mode))


def _as_exit(error: BaseException) -> BaseException:
    """Return what a path in the command line or a lack of memory is, or the error itself."""
    if problem := path_errors.path_problem(error, sys.argv[1:]):
        return ConfigError([problem])
    return out_of_memory(error) or error


def _leave(code: int) -> NoReturn:
    if world.current().world_size > 1:
        from trainer.distributed import collectives

        collectives.exit_process(code)
    sys.exit(code)


def arguments() -> list[str]:
    """Return the command's words without ``--config-dir``, whose folder is used from now on.

    Raises:
        ConfigError: it is no folder of configuration.
    """
    folder, words = config_folders.split(sys.argv[1:])
    config_folders.use(folder)
    if replaced := config_folders.shadowed():
        log.warning("%s replaces shipped files: %s", config_folders.FLAG, ", ".join(replaced))
    return words


def printed_help(usage: str) -> bool:
    """Print the usage of a command if its arguments ask for it; return whether they did."""
    requested = not {"-h", "--help"}.isdisjoint(sys.argv[1:])
    if requested:
        print(usage)
    return requested


def exit_if_stopped(stop: Callable[[], object]) -> None:
    """Exit if a signal has come.

    Raises:
        Interrupted: a signal has come; nothing has been written.
    """
    if stop():
        raise Interrupted("stopped before training began; nothing was written")

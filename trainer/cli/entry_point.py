"""Entry: what all commands share: exit codes, a device made ready, no trace of a mistake."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from trainer.config import config_folders
from trainer.core import log_handlers
from trainer.core.errors import Interrupted, TrainerExit
from trainer.core.exit_status import exit_status
from trainer.core.signals import StopFlag, catch_signals
from trainer.distributed import world

log = logging.getLogger(__name__)


@contextmanager
def exit_codes() -> Iterator[StopFlag]:
    """Turn an ending into its message on stderr and its exit code; a bug keeps its traceback.

    Gives what tells whether a signal has come: they are caught from the first, for one that meets
    MindSpore while it is imported would end in its C++.
    """
    try:
        with log_handlers.log_to_screen(), catch_signals() as stop:
            yield stop
        if world.current().world_size > 1:
            _leave(0)
    except BrokenPipeError:  # what read the output has gone, as in `... --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (TrainerExit, OSError, KeyboardInterrupt) as error:
        code, why = exit_status(error)
        if code == 1 and not isinstance(error, TrainerExit):
            raise
        if why:  # what another rank has said already has no message here
            print(why, file=sys.stderr)
        if code == Interrupted.code and isinstance(error, KeyboardInterrupt):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # an ordinary exit aborts if MindSpore is at work
        _leave(code)


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
    """Print how a command is used if its line asks for that; tell whether it did."""
    asked = not {"-h", "--help"}.isdisjoint(sys.argv[1:])
    if asked:
        print(usage)
    return asked


def exit_if_stopped(stop: Callable[[], object]) -> None:
    """End here if a signal has come.

    Raises:
        Interrupted: it has; nothing has been written.
    """
    if stop():
        raise Interrupted("stopped before training began; nothing was written")

"""Entry: what all commands share: exit codes, a device made ready, no trace of a mistake."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from trainer import device, logs, overrides, rendezvous, resume, settings, world
from trainer.endings import told
from trainer.errors import Ending, Interrupted, Mistake
from trainer.resume import Request
from trainer.settings import Settings
from trainer.signals import Stop, caught

if TYPE_CHECKING:
    from trainer.setup import Setup, Sound


# Overrides with which the net may be another, or fit no longer.
_OF_THE_NET = re.compile(
    r"[+~]*(model|dataset|loss|optimizer|device|experiment|policy|freeze|method|norm|new_head|init_"
    r"|snapshot\.print|resume)"
)


@contextmanager
def exits() -> Iterator[Stop]:
    """Turn an ending into its message on stderr and its exit code; a bug keeps its traceback.

    Gives what tells whether a signal has come: they are caught from the first, for one that meets
    MindSpore while it is imported would end in its C++.
    """
    try:
        with logs.to_screen(), caught() as stop:
            yield stop
        if world.current().ranks > 1:
            _leave(0)
    except BrokenPipeError:  # what read the output has gone, as in `... --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (Ending, OSError, KeyboardInterrupt) as error:
        code, why = told(error)
        if code == 1 and not isinstance(error, Ending):
            raise
        if why:  # what another rank has said already has no message here
            print(why, file=sys.stderr)
        if code == Interrupted.code and isinstance(error, KeyboardInterrupt):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # an ordinary exit aborts if MindSpore is at work
        _leave(code)


def _leave(code: int) -> NoReturn:
    if world.current().ranks > 1:
        from trainer import distributed

        distributed.leave(code)
    sys.exit(code)


def helped(usage: str) -> bool:
    """Print how a command is used if its line asks for that; tell whether it did."""
    asked = not {"-h", "--help"}.isdisjoint(sys.argv[1:])
    if asked:
        print(usage)
    return asked


def leave_if(stop: Callable[[], object]) -> None:
    """End here if a signal has come.

    Raises:
        Interrupted: it has; nothing has been written.
    """
    if stop():
        raise Interrupted("stopped before training began; nothing was written")


def configure(asked: Request) -> tuple[Settings, "Setup"]:
    """Return the settings that overrides give, and net, data and plan made from them.

    Raises:
        Mistake: everything that is wrong with them.
    """
    config, problems = overrides.check(asked.lines)
    return make(config, asked, problems)


def make(
    config: Mapping[str, Any], asked: Request, problems: Sequence[str] = ()
) -> tuple[Settings, "Setup"]:
    """Make net, data and plan of a whole configuration.

    Args:
        config: a whole configuration.
        asked: where the run may have begun already.
        problems: mistakes already known; told together with what else is wrong.

    Raises:
        Mistake: everything that is wrong.
    """
    chosen, found = _ready(config, problems, asked.lines)
    resumed, more = resume.point(asked, chosen)
    from trainer import setup

    return chosen, setup.prepare(chosen, [*found, *more], resumed)


def check(lines: Sequence[str]) -> None:
    """Check overrides as far as that needs no data.

    Raises:
        Mistake: everything that is wrong with them.
    """
    config, problems = overrides.check(lines)
    if (config.get("distributed") or {}).get("launcher") != "slurm":  # a job may be its task yet
        problems += rendezvous.problems(config)
    sound(config, problems, lines)


def sound(
    config: Mapping[str, Any], problems: Sequence[str] = (), lines: Sequence[str] | None = None
) -> tuple[Settings, "Sound"]:
    """Make what needs no data, with a net whose first values are 0.

    Args:
        config: a whole configuration.
        problems: mistakes already known; told together with what else is wrong.
        lines: the overrides that made it; None or none: not known.

    Raises:
        Mistake: everything that is wrong.
    """
    chosen, found = _ready(config, problems, lines)
    from trainer import blank, setup

    with blank.blank():
        return chosen, setup.sound(chosen, found)


def _ready(
    config: Mapping[str, Any], problems: Sequence[str], lines: Sequence[str] | None
) -> tuple[Settings, list[str]]:
    """Read the settings, set the environment and import MindSpore.

    Raises:
        Mistake: there are some, and the net, which takes seconds to look at, can show no others.
    """
    chosen, more = settings.read(config, problems)
    found = [*problems, *more]
    if found and lines and not any(map(_OF_THE_NET.match, lines)):
        raise Mistake(found)
    device.prepare(chosen.device.instruction_set)
    device.load()
    return chosen, found

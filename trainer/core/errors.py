"""Errors: the ways in which a run may end early, an exception with an exit code for each."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from trainer.core.text import first_rows

_MAX_PROBLEMS = 20  # in the message; the attribute has all


class TrainerExit(Exception):
    """A run that ends early, reported in one message and without a traceback."""

    code = 1


class FrozenDiffers(TrainerExit):
    """Two sets of weights that were compared differ in a tensor that is declared frozen."""

    code = 1


class Tampered(TrainerExit):
    """A run's files have changed since the run, or do not agree with one another."""

    code = 5


class ConfigError(TrainerExit):
    """Configuration errors, all of them in one message; nothing has been trained.

    Args:
        problems: one text per error: what was expected, what was received and where.
    """

    code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} configuration error{'s'[: count - 1]}:"
        rows = first_rows([f"  - {text}" for text in self.problems], _MAX_PROBLEMS)
        super().__init__("\n".join([head, *rows]))


class NotCovered(ConfigError):
    """A tensor is neither frozen nor a buffer nor in the optimizer exactly once."""


class FrozenMoved(TrainerExit):
    """A frozen tensor has changed."""

    code = 3


class NotFinite(TrainerExit):
    """The loss is not finite; the weights are as they were before that step."""

    code = 4


class WeightsNotFinite(NotFinite):
    """Weights are not finite at the end of an epoch, although every loss was."""


class RanksDiffer(TrainerExit):
    """Ranks diverged: weights or optimizer state differ between them."""

    code = 6


class BadData(TrainerExit):
    """The data are bad in mid-run; nothing was trained on them, and all before is saved."""

    code = 65


class JobsFailed(TrainerExit):
    """Jobs of a sweep have failed; the results of the others are kept."""

    code = 7


class RankLost(TrainerExit):
    """A rank was killed, crashed, or did not respond."""

    code = 8


class CannotWrite(TrainerExit):
    """A file could not be written; the run can be resumed from its last checkpoint."""

    code = 74


class Stopped(TrainerExit):
    """A signal or the time limit ended the run after a step, with everything saved."""

    code = 75


class Interrupted(TrainerExit):
    """A signal came before training began: nothing was saved, and nothing is lost."""

    code = 130


class RestartRequired(TrainerExit):
    """The process has to start again, with variables that count before MindSpore is imported.

    Args:
        why: what has failed.
        environment: the variables.
    """

    def __init__(self, why: str, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        super().__init__(why)


class ArgumentErrors(ValueError):
    """Wrong arguments of a component; each is a configuration error of its own.

    Args:
        problems: one text per argument: what was expected, and what was received.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (nearest: a, b)`` for names like ``name``, or all if there are few."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f" (nearest: {', '.join(close)})"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 12 else ""

"""How a run may end other than well: one exception a way, each with its exit code."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class TrainerExit(Exception):
    """A run that ends early, told in one message and without a traceback."""

    code = 1


class FrozenDiffers(TrainerExit):
    """Of two sets of weights that were compared, something differs that was declared frozen."""

    code = 1


class Tampered(TrainerExit):
    """A run's files are not as the run wrote them, or do not agree with one another."""

    code = 5


class ConfigError(TrainerExit):
    """The user's mistakes, all of them in one message; nothing has been written.

    Args:
        problems: one text a mistake, each saying what was expected, what was received and where.
    """

    code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} configuration error{'s'[: count - 1]}:"
        super().__init__("\n".join([head, *(f"  - {text}" for text in self.problems)]))


class FrozenMoved(TrainerExit):
    """A tensor that was to stay still has moved."""

    code = 3


class NotFinite(TrainerExit):
    """The loss is not finite; the weights are as they were before that step."""

    code = 4


class WeightsNotFinite(NotFinite):
    """Weights are not finite at an epoch's end, though every loss was."""


class RanksDiffer(TrainerExit):
    """The processes that train one net together no longer hold the same."""

    code = 6


class JobsFailed(TrainerExit):
    """Jobs of a sweep have not ended well; the others have, and are kept."""

    code = 7


class RankLost(TrainerExit):
    """One of the processes that train one net together was killed, crashed, or did not answer."""

    code = 8


class CannotWrite(TrainerExit):
    """A file could not be written; the run can be resumed from its last checkpoint."""

    code = 74


class Stopped(TrainerExit):
    """A signal, or the time being up, ended the run at a step's end, with everything saved."""

    code = 75


class Interrupted(TrainerExit):
    """A signal came before training began: nothing is saved, and nothing is lost."""

    code = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (nearest: a, b)`` for the names most like ``name``, or all if they are few."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f" (nearest: {', '.join(close)})"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 12 else ""

"""Failures: the list of jobs that did not finish, for the message with which a command ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.core.exit_status import one_line
from trainer.core.text import first_rows


@dataclass(frozen=True)
class Failure:
    """A job that did not finish.

    Attributes:
        name: the job's name.
        why: its last message.
        code: its exit code, negative for a signal; None: unknown.
    """

    name: str
    why: str
    code: int | None

    def __str__(self) -> str:
        code = f" (exit code {self.code})" if self.code and self.code > 0 else ""
        return f"{self.name}: {one_line(self.why)}{code}"


def list_failures(failures: Sequence[Failure]) -> list[str]:
    """Return a line for each failure, or for the first ones and the number of the others."""
    return first_rows([f"  - {failure}" for failure in failures])

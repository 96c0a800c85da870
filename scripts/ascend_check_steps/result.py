"""What the runner knows of a step that is over, or that was not run."""

from dataclasses import dataclass, field

from scripts.ascend_check_steps.process import Outcome

OK, FAILED, SKIPPED, NOT_RUN = "ok", "FAILED", "skipped", "not run"


@dataclass(frozen=True)
class StepResult:
    """The verdict on a step.

    Attributes:
        name: its name.
        about: what it shows.
        verdict: ok, FAILED, skipped (does not apply to this machine) or not run.
        reason: why it failed, was skipped or not run; empty if it is ok.
        seconds: its wall time.
        notes, details, outcomes: see ``Check``.
    """

    name: str
    about: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    details: list[tuple[str, str]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to look at."""
        return self.verdict in (OK, SKIPPED)

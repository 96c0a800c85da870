"""Phase ends: when the phases of a run end, in optimizer steps. Pure Python."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.config.phase_lengths import total_problems
from trainer.config.phase_problems import place
from trainer.config.phases import PhaseSetting, Until
from trainer.phases.phase import PhaseEnd


@dataclass(frozen=True)
class StepLengths:
    """How long a run is and when it is evaluated, in optimizer steps.

    Attributes:
        steps: of the whole run.
        steps_per_epoch: of an epoch.
        between_evaluations: the most steps from one evaluation to the next.
    """

    steps: int
    steps_per_epoch: int
    between_evaluations: int


def phase_ends(
    phases: Sequence[PhaseSetting], run: StepLengths
) -> tuple[list[PhaseEnd], list[str]]:
    """Return when each phase ends, and what does not fit in the length of the run.

    A length that is no whole number of steps is rounded so that the sum of all is not affected.

    Args:
        phases: in order.
        run: its lengths.
    """
    lengths = [_length(phase.until, run) for phase in phases]
    problems = list(total_problems(phases, lengths, run.steps, "steps"))
    ends, position = [], 0.0
    for at, (phase, length) in enumerate(zip(phases, lengths, strict=True)):
        steps = None
        if length is not None:
            steps = round(position + length) - round(position)
            position += length
            problems += _problems(place(at, phase.name), phase, steps, run)
        ends.append(_end(phase.until, steps))
    return ends, problems


def warmup_steps(phase: PhaseSetting, run: StepLengths) -> int:
    """Return the steps in which the learning rates of a phase rise."""
    return round(phase.warmup_epochs * run.steps_per_epoch)


def _length(until: Until | None, run: StepLengths) -> float | None:
    """Return the length, or greatest length, of a phase in steps; None: the rest of the run."""
    if until is None:
        return None
    if until.steps is not None:
        return float(until.steps)
    if until.share is not None:
        return until.share * run.steps
    epochs = until.max_epochs if until.monitor else until.epochs
    return None if epochs is None else epochs * run.steps_per_epoch


def _end(until: Until | None, steps: int | None) -> PhaseEnd:
    if until is None or until.monitor is None:
        return PhaseEnd(steps)
    return PhaseEnd(steps, until.monitor, until.patience or 1, until.min_delta)


def _problems(where: str, phase: PhaseSetting, steps: int, run: StepLengths) -> list[str]:
    """Return what does not fit in a phase of some steps."""
    problems = []
    if steps < 1:
        problems.append(f"{where}.until: expected at least one step, received less than half a one")
    elif (rising := warmup_steps(phase, run)) > steps:
        expected = f"expected at most the {steps} steps of the phase"
        problems.append(f"{where}.warmup_epochs: {expected}, received {rising}")
    is_monitored = phase.until is not None and phase.until.monitor is not None
    if is_monitored and steps < run.between_evaluations and steps < run.steps:
        expected = f"expected at least {run.between_evaluations} steps, so that it is evaluated"
        problems.append(f"{where}.until.max_epochs: {expected}, received {steps}")
    return problems

"""Phase starts: in which of its phases a run resumes, which may be others than before."""

from collections.abc import Sequence
from dataclasses import replace

from trainer.checkpoint.resume import ResumePoint
from trainer.core.errors import ConfigError, nearest
from trainer.engine.phase_place import PhaseStart, starts_from_json
from trainer.engine.progress import Progress
from trainer.phases.phase import Phase


def phase_starts(
    point: ResumePoint | None, phases: Sequence[Phase], steps_per_epoch: int
) -> list[PhaseStart]:
    """Return where the phases began that have begun; the last one is the present phase.

    Phases are found again by their names. A run that had no phases begins its first one where it
    resumes.

    Args:
        point: where the run resumes; None: it starts.
        phases: as they are now.
        steps_per_epoch: optimizer steps of an epoch.

    Raises:
        ConfigError: the present phase is none of them.
    """
    first = PhaseStart(0, phases[0].name)
    if point is None or len(phases) == 1:
        return [first]
    recorded, now = starts_from_json(point.checkpoint.phases), point.progress
    if not recorded:
        updates = now.updates(steps_per_epoch)
        return [replace(first, epochs=now.epochs, steps=now.steps, updates=updates)]
    numbers = {phase.name: number for number, phase in enumerate(phases)}
    present = recorded[-1].name
    if present not in numbers:
        expected = f"expected a phase named {present}, in which the run is, among {[*numbers]}"
        raise ConfigError([f"phases: {expected}{nearest(present, numbers)}"])
    known = [start for start in recorded if start.name in numbers]
    return [_until(now, replace(start, index=numbers[start.name])) for start in known]


def _until(now: Progress, start: PhaseStart) -> PhaseStart:
    """Return a start that is not later than a progress: an epoch may begin again."""
    if start.moment <= (now.epochs, now.steps):
        return start
    updates = max(start.updates - start.steps + now.steps, 0)
    return replace(start, epochs=now.epochs, steps=now.steps, updates=updates)

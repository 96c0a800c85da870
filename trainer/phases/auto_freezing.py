"""Automatic freezing: front stages are frozen while the run trains, once they have settled."""

from collections.abc import Sequence
from typing import Any

from trainer.core.errors import ArgumentErrors
from trainer.phases.adaptive import AdaptivePhases
from trainer.phases.freeze_rule import FreezeRule
from trainer.phases.request import PhaseRequest
from trainer.phases.stage_rules import merged_stages, phase_name, stage_rules
from trainer.phases.stages import Stage


def auto_freezing(
    request: PhaseRequest,
    stages: int | None = 8,
    percentile: float = 50.0,
    tolerance: float | None = 0.1,
    first_epoch: int = 2,
    every_epochs: int = 1,
    retained: int = 1,
    undo_within: int = 2,
) -> AdaptivePhases:
    """Return a phase for each number of frozen front stages, among which the run chooses.

    Args:
        request: the model's stages, and the length of the run.
        stages: the most stages; neighbours are put together. None: all that were found.
        percentile: see ``FreezeRule``.
        tolerance: likewise.
        first_epoch: likewise.
        every_epochs: likewise.
        retained: the stages at the end that are never frozen.
        undo_within: evaluations after a freeze in which a worse value may undo it.

    Raises:
        ArgumentErrors: an argument is out of its range.
    """
    _check(percentile, first_epoch, every_epochs, retained, undo_within)
    parts = merged_stages(request, stages)
    phases = [_phase(parts, count) for count in range(max(len(parts) - retained, 0) + 1)]
    rule = FreezeRule(percentile, tolerance, first_epoch, every_epochs)
    return AdaptivePhases(phases, rule, undo_within)


def _phase(parts: Sequence[Stage], count: int) -> dict[str, Any]:
    """Return the phase in which a number of front stages is frozen."""
    name = f"through_{phase_name(parts[count - 1].name)}" if count else "all"
    return {"name": name, "rules": stage_rules(parts, range(count, len(parts)))}


def _check(
    percentile: float, first_epoch: int, every_epochs: int, retained: int, undo_within: int
) -> None:
    """Refuse arguments out of their range.

    Raises:
        ArgumentErrors: with all of them.
    """
    least = {
        "first_epoch": (first_epoch, 2),
        "every_epochs": (every_epochs, 1),
        "retained": (retained, 1),
        "undo_within": (undo_within, 1),
    }
    problems = [
        f"{name}: expected a whole number of at least {low}, received {value!r}"
        for name, (value, low) in least.items()
        if isinstance(value, bool) or not isinstance(value, int) or value < low
    ]
    is_number = isinstance(percentile, int | float) and not isinstance(percentile, bool)
    if not is_number or not 0 <= percentile <= 100:
        problems.append(f"percentile: expected a number from 0 to 100, received {percentile!r}")
    if problems:
        raise ArgumentErrors(problems)

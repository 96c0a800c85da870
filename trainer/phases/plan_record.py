"""Plan record: what ``plan.json`` holds of a run with phases. Pure Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.freezing.plan import Plan
from trainer.phases.phase import StartFrom


@dataclass(frozen=True)
class RecordedPhase:
    """A phase as ``plan.json`` holds it; where it began and ended stands in ``proof.json``."""

    name: str
    start_from: StartFrom
    plan: Plan

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"name": self.name, "start_from": self.start_from, "plan": self.plan.as_json()}


def plan_record(phases: Sequence[RecordedPhase], present: int = 0) -> dict[str, Any]:
    """Return the plan of the present phase and, if there are several, those of all phases."""
    phase = phases[present]
    record = phase.plan.as_json()
    if len(phases) < 2:
        return record
    return record | {"phase": phase.name, "phases": [each.as_json() for each in phases]}

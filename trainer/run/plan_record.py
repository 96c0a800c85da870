"""Plan record: ``plan.json`` of a run: the plan in force, and those of all its phases."""

from pathlib import Path
from typing import Any

from trainer.core import atomic_files, format_version
from trainer.core.run_files import PLAN
from trainer.engine.phase_place import PhasePlace
from trainer.phases.phase import Phase


def write(folder: Path, place: PhasePlace) -> None:
    """Write the plan of the present phase and, if there are several, those of all phases."""
    record = place.phase.plan.as_json()
    if len(place.phases) > 1:
        record |= {"phase": place.phase.name, "phases": [*map(_as_json, place.phases)]}
    atomic_files.write_lines(folder / PLAN, format_version.stamp(record))


def _as_json(phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "end": {"steps": phase.end.steps, "monitor": phase.end.monitor},
        "start_from": phase.start_from,
        "plan": phase.plan.as_json(),
    }

"""Plan record of a run: its ``plan.json``."""

from pathlib import Path

from trainer.core import atomic_files, format_version
from trainer.core.run_files import PLAN
from trainer.engine.phase_place import PhasePlace
from trainer.phases.plan_record import RecordedPhase, plan_record


def write(folder: Path, place: PhasePlace) -> None:
    """Write the plan of the present phase, and of all phases if there are several."""
    phases = [RecordedPhase(phase.name, phase.start_from, phase.plan) for phase in place.phases]
    record = plan_record(phases, place.start.index)
    atomic_files.write_lines(folder / PLAN, format_version.stamp(record))

"""Phase rows: what the start screen says of the phases of a run."""

from trainer.core.text import clip, quantity
from trainer.phases.phase import Phase
from trainer.phases.plan_changes import unchanged_phases
from trainer.run.components import RunComponents
from trainer.run.plan_rows import Row


def phase_rows(components: RunComponents) -> list[Row]:
    """Return how many phases a run has and how long they are; none if it has one."""
    phases = components.phases
    if len(phases) < 2:
        return []
    if components.adaptive:
        first, last = phases[0].name, phases[-1].name
        chosen = f"from {first} to {last}; the training decides when the next one begins"
        return [("phases", f"up to {len(phases)}, {chosen}")]
    listed = ", ".join(f"{phase.name} ({_length(phase)})" for phase in phases)
    warnings = [("", f"warning: {text}") for text in unchanged_phases(phases)]
    return [("phases", clip(f"{len(phases)}: {listed}")), *warnings[:1]]


def _length(phase: Phase) -> str:
    if phase.end.steps is None:
        return "the rest"
    steps = quantity(phase.end.steps, "step")
    return f"at most {steps}" if phase.end.monitor else steps

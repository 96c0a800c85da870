"""Proof chapters: what each earlier plan of a run froze, from where to where."""

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.checkpoint.checkpoint import Checkpoint
from trainer.core import atomic_files
from trainer.engine.callback import PhaseResult


def of_resumed(resumed: Checkpoint) -> dict[str, Any]:
    """Return what a former plan froze, and until when it was in force."""
    return {
        "epochs": resumed.progress.epochs,
        "steps": resumed.progress.steps,
        "tensors": [{"name": name, "sha256": value} for name, value in resumed.frozen.items()],
        "plan": resumed.plan,
    }


def of_phase(phase: PhaseResult, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what a phase froze, from where to where."""
    start = phase.start
    return {
        "phase": start.name,
        "start_from": start.start_from,
        "begin": {"epochs": start.epochs, "steps": start.steps},
        "epochs": phase.progress.epochs,
        "steps": phase.progress.steps,
        "reason": phase.reason,
        "tensors": list(rows),
        "plan": atomic_files.plain(phase.plan.as_json()),
    }


def is_before(chapter: Mapping[str, Any], resumed: Checkpoint) -> bool:
    """Tell whether a chapter was closed before a checkpoint, and not by a resume from it."""
    closed, now = (
        (chapter["epochs"], chapter["steps"]),
        (resumed.progress.epochs, resumed.progress.steps),
    )
    return closed < now or (closed == now and chapter["plan"] != resumed.plan)

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
    if "begin" in chapter and (present := _present(resumed)) is not None:
        return _moment(chapter["begin"]) < present
    closed, now = _moment(chapter), (resumed.progress.epochs, resumed.progress.steps)
    return closed < now or (closed == now and chapter["plan"] != resumed.plan)


def hashes_at(record: Mapping[str, Any], resumed: Checkpoint) -> dict[str, str]:
    """Return the hashes by name that a proof has of the plan of a checkpoint.

    The proof may already be of a later phase, which may have begun with other weights.
    """
    present, phase = _present(resumed), record.get("phase")
    if phase is None or present is None or _moment(phase) == present:
        return {row["name"]: row["sha256_before"] for row in record.get("tensors", [])}
    chapters = [c for c in record.get("chapters", []) if _moment(c.get("begin")) == present]
    return {row["name"]: row["sha256"] for c in chapters for row in c["tensors"]}


def _present(resumed: Checkpoint) -> tuple[int, int] | None:
    """Return when the phase of a checkpoint began; None: the run had no phases."""
    begun = resumed.phases.get("begun")
    return _moment(begun[-1]) if begun else None


def _moment(row: Mapping[str, Any] | None) -> tuple[int, int]:
    return (row["epochs"], row["steps"]) if row else (-1, 0)

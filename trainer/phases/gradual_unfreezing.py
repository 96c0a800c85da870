"""Gradual unfreezing: first the head trains, then one more stage per phase, from the top down."""

from collections.abc import Sequence
from typing import Any

from trainer.phases.request import PhaseRequest
from trainer.phases.stage_rules import merged_stages, phase_name, stage_rules
from trainer.phases.stages import Stage


def gradual_unfreezing(
    request: PhaseRequest,
    stages: int | None = None,
    epochs: float | None = None,
    patience: int | None = None,
    monitor: str = "validation_loss",
    **keys: Any,
) -> list[dict[str, Any]]:
    """Return a phase per stage; in each, one more stage trains.

    Args:
        request: the model's stages, and the length of the run.
        stages: the most stages; neighbours are put together. None: all that were found.
        epochs: length of each phase except the last, or with ``patience`` the greatest length;
            None: the run is divided equally.
        patience: evaluations without an improvement after which a phase ends; None: it has a
            fixed length.
        monitor: the value that has to improve.
        keys: of each phase except the first, such as ``lr_factor``.
    """
    parts = merged_stages(request, stages)
    end = _end(request.epochs, len(parts), epochs, patience, monitor)
    return [_phase(parts, first, end, keys) for first in reversed(range(len(parts)))]


def _phase(
    parts: Sequence[Stage], first: int, end: dict[str, Any], keys: dict[str, Any]
) -> dict[str, Any]:
    """Return the phase in which the stages from a first one on train."""
    rules = stage_rules(parts, range(first, len(parts)))
    ends = {"until": end} if first else {}
    later = keys if first + 1 < len(parts) else {}
    return {"name": phase_name(parts[first].name), "rules": rules, **ends, **later}


def _end(
    whole: int, phases: int, epochs: float | None, patience: int | None, monitor: str
) -> dict[str, Any]:
    """Return when each phase except the last ends."""
    if patience is not None:
        longest = whole / phases if epochs is None else epochs
        return {"monitor": monitor, "patience": patience, "max_epochs": longest}
    return {"share": 1 / phases} if epochs is None else {"epochs": epochs}

"""Progressive freezing: stages are frozen one after another from the front, as training goes on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from trainer.core.errors import ArgumentErrors
from trainer.phases.request import PhaseRequest
from trainer.phases.stage_rules import merged_stages, phase_name, stage_rules
from trainer.phases.stages import Stage

_POWERS = {"linear": 1, "cubic": 3}


def progressive_freezing(
    request: PhaseRequest,
    freeze_start: float = 0.5,
    freeze_level: float = 1.0,
    scale: str = "linear",
    stages: int | None = None,
    **keys: Any,
) -> list[dict[str, Any]]:
    """Return a phase in which everything trains, and one more for each stage that is frozen.

    Stage ``i`` of ``n`` before the head is frozen after the share ``freeze_start + (1 -
    freeze_start) * i / n`` of the run, cubed with ``cubic`` (FreezeOut, arXiv:1706.04983). The head
    always trains.

    Args:
        request: the model's stages, and the length of the run.
        freeze_start: share of the run, before ``scale``, after which the first stage is frozen.
        freeze_level: share of the stages before the head that are frozen at the end.
        scale: ``linear`` or ``cubic``.
        stages: the most stages; neighbours are put together. None: all that were found.
        keys: of each phase except the first, such as ``optimizer_state``.
    """
    if problems := _problems(freeze_start, freeze_level, scale):
        raise ArgumentErrors(problems)
    parts = merged_stages(request, stages)
    count = len(parts) - 1
    frozen = range(max(1, int(freeze_level * count + 1e-9)))
    ends = [(freeze_start + (1 - freeze_start) * at / count) ** _POWERS[scale] for at in frozen]
    lengths = [end - begin for begin, end in pairwise([0.0, *ends])]
    return _phases(parts, lengths, keys)


def _phases(
    parts: Sequence[Stage], lengths: Sequence[float], keys: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the phases; no phase has a length of 0, as if the first stage is always frozen.

    Args:
        parts: the stages.
        lengths: of all phases except the last, as shares of the run.
        keys: of each phase except the first.
    """
    phases: list[dict[str, Any]] = []
    for first, share in enumerate([*lengths, None]):
        if share != 0:
            name = f"after_{phase_name(parts[first - 1].name)}" if first else "all"
            rules = stage_rules(parts, range(first, len(parts)))
            until = {} if share is None else {"until": {"share": share}}
            phases.append({"name": name, "rules": rules, **until, **(keys if phases else {})})
    return phases


def _problems(freeze_start: float, freeze_level: float, scale: str) -> list[str]:
    """Return what is wrong with the arguments."""
    problems = []
    if not 0 <= freeze_start < 1:
        expected = f"expected at least 0 and less than 1, received {freeze_start!r}"
        problems.append(f"freeze_start: {expected}")
    if not 0 < freeze_level <= 1:
        expected = f"expected more than 0 and at most 1, received {freeze_level!r}"
        problems.append(f"freeze_level: {expected}")
    if scale not in _POWERS:
        problems.append(f"scale: expected {' or '.join(_POWERS)}, received {scale!r}")
    return problems

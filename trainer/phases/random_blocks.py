"""Random blocks: a few stages, drawn again and again, train next to the head (LISA, BAdam)."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from trainer.core.errors import ArgumentErrors
from trainer.phases.request import PhaseRequest
from trainer.phases.stage_rules import merged_stages, stage_rules

_PREVIEW = 4  # draws that are shown while the number of steps is not known
_UNITS = ("epochs", "steps")


def random_blocks(
    request: PhaseRequest,
    blocks: int = 2,
    every: float = 1,
    unit: str = "epochs",
    train_first: bool = False,
    stages: int | None = None,
    **keys: Any,
) -> list[dict[str, Any]]:
    """Return a phase per draw; a draw that equals the one before it makes that phase longer.

    Args:
        request: the model's stages, the length and the seed of the run.
        blocks: stages that are drawn at a time; the head always trains.
        every: from one draw to the next.
        unit: of ``every``: epochs or steps.
        train_first: whether the first stage always trains, too.
        stages: see ``merged_stages``.
        keys: of each phase except the first.
    """
    parts = merged_stages(request, stages)
    drawable = range(int(train_first), len(parts) - 1)
    fixed = set(range(len(parts))) - set(drawable)
    _check(blocks, every, unit, len(drawable))
    draws = _draws(request, drawable, blocks, every, unit)
    rules = [stage_rules(parts, fixed.union(drawn)) for drawn, _ in draws]
    ends = [{"until": {unit: _length(periods, every, unit)}} for _, periods in draws]
    phases = [{"name": f"draw{at}", "rules": own} for at, own in enumerate(rules, 1)]
    first, *later = [p | end for p, end in zip(phases[:-1], ends, strict=False)] + phases[-1:]
    return [first, *(phase | keys for phase in later)]


def _length(periods: int, every: float, unit: str) -> float:
    return int(periods * every) if unit == "steps" else periods * every


def _draws(
    request: PhaseRequest, drawable: Sequence[int], blocks: int, every: float, unit: str
) -> list[tuple[list[int], int]]:
    """Return the stages of each draw, and how many times in a row they were drawn."""
    whole = request.epochs if unit == "epochs" else request.steps
    count = _PREVIEW if whole is None else math.ceil(whole / every - 1e-9)
    random, draws = Random(request.seed), list[tuple[list[int], int]]()
    for _ in range(count):
        drawn = sorted(random.sample(drawable, blocks))
        if draws and draws[-1][0] == drawn:
            draws[-1] = drawn, draws[-1][1] + 1
        else:
            draws.append((drawn, 1))
    return draws


def _check(blocks: int, every: float, unit: str, drawable: int) -> None:
    """Check the arguments.

    Raises:
        ArgumentErrors: all that is wrong with them.
    """
    problems = []
    if isinstance(blocks, bool) or not isinstance(blocks, int) or not 1 <= blocks < drawable:
        expected = f"at least 1 and less than {drawable}, the stages that can be drawn"
        problems.append(f"blocks: expected {expected}, received {blocks!r}")
    if unit not in _UNITS:
        problems.append(f"unit: expected {' or '.join(_UNITS)}, received {unit!r}")
    is_number = isinstance(every, int | float) and not isinstance(every, bool)
    if not is_number or not 0 < every < math.inf or (unit == "steps" and every != int(every)):
        kind = "a whole number" if unit == "steps" else "a number"
        problems.append(f"every: expected {kind} above 0, received {every!r}")
    if problems:
        raise ArgumentErrors(problems)

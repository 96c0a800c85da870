"""Stage rules: the rules of a phase in which some stages of a model train. Pure Python."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from trainer.core.errors import ArgumentErrors
from trainer.phases.request import PhaseRequest
from trainer.phases.stages import Stage, merge

_OTHER = re.compile(r"[^A-Za-z0-9_.-]")


def stage_rules(stages: Sequence[Stage], trained: Collection[int]) -> list[dict[str, Any]]:
    """Return rules under which some stages train and the others are frozen.

    Stages in front of all that train are frozen by the run's ``method``. Stages behind one that
    trains are frozen by ``requires_grad``, because the gradient must pass through them.

    Args:
        stages: of the model from input to head.
        trained: numbers of the stages that train, from 0.
    """
    frozen = [at for at in range(len(stages)) if at not in trained]
    if not frozen:
        return []
    front = min(trained, default=len(stages))
    behind = [name for at in frozen if at > front for name in stages[at].select]
    owned = [name for at in frozen if at < front for name in stages[at].owned]
    is_rest = any(set(stages[at].select) - set(stages[at].owned) for at in frozen if at < front)
    trains = [name for at in sorted(trained) for name in stages[at].select]
    rules: list[dict[str, Any]] = [{"select": trains, "method": "train"}]
    if passed := [*owned, *behind]:
        rules.append({"select": passed, "method": "requires_grad"})
    return [*rules, *([{}] if is_rest else [])]


def merged_stages(request: PhaseRequest, most: int | None) -> list[Stage]:
    """Return the stages of a model, neighbours put together if there are more than ``most``.

    Args:
        request: of a generator.
        most: 2 or more; None: all stages.

    Raises:
        ArgumentErrors: there is one stage only, or ``most`` is none of these.
    """
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 2):
        raise ArgumentErrors([f"stages: expected a whole number of at least 2, received {most!r}"])
    if len(request.stages) < 2:
        received = request.stages[0].name if request.stages else "none that trains"
        raise ArgumentErrors([f"expected a model of at least 2 stages, received {received}"])
    return merge(request.stages, most or len(request.stages))


def phase_name(text: str) -> str:
    """Return a text as the name of a phase, without other characters than those allowed."""
    return _OTHER.sub("_", text)

"""Adaptive phases: which of several plans comes next is decided while the run trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class StageUpdate:
    """How far each stage moved in an epoch.

    Attributes:
        epochs: number of complete epochs after it.
        norms: of the change of all weights of each stage, from input to head; 0 if it is frozen.
        rate: sum of the learning rates of its steps.
    """

    epochs: int
    norms: tuple[float, ...]
    rate: float


@dataclass(frozen=True)
class Choice:
    """A phase to continue with.

    Attributes:
        index: of the phase.
        reason: why it is chosen.
    """

    index: int
    reason: str


class PhaseRule(Protocol):
    """Decides after an epoch whether the run continues with a later phase."""

    def __call__(self, index: int, last: int, updates: Sequence[StageUpdate]) -> Choice | None:
        """Return the phase to continue with; None: the present one.

        Args:
            index: of the present phase, in which this number of stages is frozen.
            last: the greatest index that may be chosen.
            updates: of the epochs since weights were last restored, in their order.
        """


@dataclass(frozen=True)
class AdaptivePhases:
    """What a generator returns for phases whose order depends on the training.

    Attributes:
        phases: as in a list of phases; each freezes one stage more than the one before.
        rule: chooses among them.
        undo_within: evaluations after a freeze in which ``phases.max_drop`` may undo it.
    """

    phases: list[dict[str, Any]]
    rule: PhaseRule
    undo_within: int = 2

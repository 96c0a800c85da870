"""Phase: a part of a run under one plan, and when it ends."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainer.freezing.plan import Plan

StartFrom: TypeAlias = Literal["last", "best", "undo"]
OptimizerState: TypeAlias = Literal["keep", "new", "reset"]


@dataclass(frozen=True)
class PhaseEnd:
    """When a phase ends; without any of these, at the end of the run.

    Attributes:
        steps: optimizer steps of the phase after which it ends in any case; None: no limit.
        monitor: the value whose lack of improvement ends it; None: none.
        patience: evaluations without an improvement after which it ends.
        min_delta: how much better than the best a value has to be to count as an improvement.
    """

    steps: int | None = None
    monitor: str | None = None
    patience: int = 1
    min_delta: float = 0.0


@dataclass(frozen=True)
class Phase:
    """A part of a run under one plan, with an optimizer and a compiled step of its own.

    Attributes:
        name: as in the settings; empty: the only phase of a run without phases.
        plan: what is frozen.
        end: when it ends.
        start_from: the weights that it starts with: the last ones, or the best of the run so far.
        lr_factor: multiplies all learning rates.
        warmup_steps: steps in which the learning rates rise from 0, linearly.
        optimizer_state: ``keep``: carried over by the names of parameters; ``new``: what is thawed
            starts without state; ``reset``: everything does.
    """

    name: str
    plan: Plan
    end: PhaseEnd = PhaseEnd()
    start_from: StartFrom = "last"
    lr_factor: float = 1.0
    warmup_steps: int = 0
    optimizer_state: OptimizerState = "keep"

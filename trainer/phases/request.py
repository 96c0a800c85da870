"""Phase request: what a generator of phases is told of the model and the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.phases.stages import Stage


@dataclass(frozen=True)
class PhaseRequest:
    """What a generator of phases is called with, before the keys of its YAML.

    A generator returns phases as they are written in ``phases.list``. It is called before the data
    are read, and again once the steps of an epoch are known.

    Attributes:
        stages: of the model from input to head, without what the run's ``freeze`` freezes.
        epochs: of the whole run.
        steps_per_epoch: optimizer steps of an epoch; None: not known yet.
        steps: of the whole run; None: not known yet.
        seed: of the run.
    """

    stages: Sequence[Stage]
    epochs: int
    steps_per_epoch: int | None = None
    steps: int | None = None
    seed: int = 0

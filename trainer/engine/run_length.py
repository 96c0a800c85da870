"""Run length: how many steps a run and its epochs have, and where it is evaluated. No MindSpore."""

import math
from dataclasses import dataclass

from trainer.engine.progress import Progress


@dataclass(frozen=True)
class RunLength:
    """How long a run is, in optimizer steps.

    Attributes:
        whole_epochs: number of passes over the data, if ``max_steps`` ends none of them.
        steps_per_epoch: steps of a whole epoch.
        max_steps: the most steps of the whole run; None: no limit.
        every_epochs: epochs from one evaluation to the next; the last one has one in any case.
        every_steps: steps of an epoch between two further evaluations; None: none.
    """

    whole_epochs: int
    steps_per_epoch: int
    max_steps: int | None = None
    every_epochs: int = 1
    every_steps: int | None = None

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        steps = self.whole_epochs * self.steps_per_epoch
        return steps if self.max_steps is None else min(steps, self.max_steps)

    @property
    def epochs(self) -> int:
        """Number of epochs that begin; the last one may be short."""
        return math.ceil(self.steps / self.steps_per_epoch)

    def steps_at(self, progress: Progress) -> int:
        """Return the steps of the whole run up to a progress."""
        return progress.epochs * self.steps_per_epoch + progress.steps

    def steps_in(self, epoch: int) -> int:
        """Return the steps of an epoch, counted from 1."""
        return min(self.steps_per_epoch, self.steps - (epoch - 1) * self.steps_per_epoch)

    def ends_within(self, progress: Progress) -> bool:
        """Tell whether the run ends after these steps of an epoch that is not complete."""
        is_within = 0 < progress.steps < self.steps_per_epoch
        return is_within and self.steps_at(progress) >= self.steps

    def evaluates_within(self, progress: Progress) -> bool:
        """Tell whether there is an evaluation after these steps of an epoch, besides its last."""
        is_last = self.ends_within(progress) or progress.steps >= self.steps_per_epoch
        return bool(self.every_steps and progress.steps % self.every_steps == 0) and not is_last

    def evaluates_after(self, epoch: int) -> bool:
        """Tell whether there is an evaluation at the end of an epoch, counted from 1."""
        return epoch % self.every_epochs == 0 or epoch >= self.epochs

    def evaluates_at(self, progress: Progress) -> bool:
        """Tell whether there is an evaluation at a progress of the run."""
        if progress.steps:
            return self.evaluates_within(progress) or self.ends_within(progress)
        return self.evaluates_after(progress.epochs)

"""Progress: how far a run has come. No MindSpore."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class StepReport:
    """What a step of the optimizer has reported, as numbers.

    Attributes:
        loss: before the update.
        updated: whether the update was made: not after an overflow under a loss scale.
        norm: of the gradients before clipping; None: they are not clipped by it.
    """

    loss: float
    updated: bool = True
    norm: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far a run has come. A step is one of the optimizer, which may take several batches.

    Attributes:
        epochs: number of complete epochs.
        steps: number of steps of the epoch that has begun.
        loss: sum of the losses of these steps.
        samples: number of samples of these steps.
        seconds: wall time of these steps.
        skipped: number of steps of the whole run whose update was skipped after an overflow.
        norms: number of steps of the epoch whose gradient norm is known.
        norm: sum of these norms.
        largest_norm: the largest of them; NaN if one of them is NaN.
    """

    epochs: int = 0
    steps: int = 0
    loss: float = 0.0
    samples: int = 0
    seconds: float = 0.0
    skipped: int = 0
    norms: int = 0
    norm: float = 0.0
    largest_norm: float = 0.0

    def after(self, report: StepReport, samples: int, seconds: float) -> "Progress":
        """Return the progress after one more step."""
        progress = replace(
            self,
            steps=self.steps + 1,
            loss=self.loss + report.loss,
            samples=self.samples + samples,
            seconds=self.seconds + seconds,
            skipped=self.skipped + (not report.updated),
        )
        if report.norm is None or not report.updated:
            return progress
        norms, norm = self.norms + 1, self.norm + report.norm
        largest = norm if math.isnan(norm) else max(self.largest_norm, report.norm)
        return replace(progress, norms=norms, norm=norm, largest_norm=largest)

    def epoch_start(self, epochs: int) -> "Progress":
        """Return the progress of the same run after this number of complete epochs."""
        return Progress(epochs, skipped=self.skipped)

    def updates(self, steps_per_epoch: int) -> int:
        """Return the number of updates of the whole run so far, on which schedules depend."""
        return self.epochs * steps_per_epoch + self.steps - self.skipped

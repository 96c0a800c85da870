"""Progress: how far a run has come. No MindSpore."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epochs: number of complete epochs.
        steps: number of steps of the epoch that has begun.
        loss: sum of the losses of these steps.
        samples: number of samples of these steps.
        seconds: wall time of these steps.
    """

    epochs: int = 0
    steps: int = 0
    loss: float = 0.0
    samples: int = 0
    seconds: float = 0.0

    def after(self, loss: float, samples: int, seconds: float) -> "Progress":
        """Return the progress after one more step."""
        return Progress(
            self.epochs,
            self.steps + 1,
            self.loss + loss,
            self.samples + samples,
            self.seconds + seconds,
        )

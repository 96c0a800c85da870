"""Progress: how far a run has come. Pure Python."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epochs: whole epochs that are done.
        steps: steps that are done of the one begun.
        loss: sum of the losses of these steps.
        samples: their samples.
        seconds: their wall time.
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

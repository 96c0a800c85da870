"""Evaluation observers: what is noted of each batch that is measured."""

from dataclasses import dataclass
from typing import Any

from mindspore import nn
from numpy.typing import NDArray

from trainer.data.batch_source import BatchSource
from trainer.losses.activation import activation_of
from trainer.metrics.calibration import Calibration
from trainer.metrics.confusion import Confusion
from trainer.metrics.examples import Examples


@dataclass(frozen=True)
class Observers:
    """What counts predictions and keeps examples.

    Attributes:
        confusion: of the classes.
        calibration: None: the loss does not say how outputs become probabilities.
        examples: likewise.
    """

    confusion: Confusion
    calibration: Calibration | None
    examples: Examples | None

    @classmethod
    def of(cls, loss: nn.Cell, source: BatchSource) -> "Observers":
        """Return new ones for the batches of a source."""
        activation = activation_of(loss)
        if activation is None:
            return cls(Confusion(), None, None)
        examples = Examples(loss, activation, source.skipped)
        return cls(Confusion(), Calibration(activation), examples)

    def count(self, scores: NDArray[Any], labels: NDArray[Any]) -> None:
        """Count the predictions of a batch."""
        self.confusion(scores, labels)
        if self.calibration is not None:
            self.calibration(scores, labels)

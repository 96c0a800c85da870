"""History recorder: adds each evaluation of a run to its history."""

from trainer.engine.callback import Callback, EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import Score
from trainer.metrics.monitor import measured


class HistoryRecorder(Callback):
    """Adds each evaluation; it comes before all that depends on the history.

    Args:
        history: of the run, with what a resumed run had before.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """Add an evaluation within an epoch."""
        self._history.add(progress, measured(score, ema))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Add that of an epoch's end; the one before the first step is the start, no result."""
        if epoch.number:
            self._history.add(epoch.reached, measured(epoch.validation, epoch.ema))

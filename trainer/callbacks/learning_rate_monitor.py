"""Learning-rate monitor: the rates of an epoch's last step, for what reports on the epoch."""

from trainer.engine.callback import Callback, EpochResult
from trainer.optim.rate_schedule import RateSchedule


class LearningRateMonitor(Callback):
    """Fills in the learning rates of each epoch; of epoch 0, those of the first step.

    Args:
        schedule: of the run.
    """

    def __init__(self, schedule: RateSchedule) -> None:
        self._schedule = schedule

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Fill in the rates of the last step that was taken."""
        epoch.lr = self._schedule.by_label()

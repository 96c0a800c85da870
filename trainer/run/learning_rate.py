"""Learning rate of a run: its length in optimizer steps, and the rates at each of them."""

import mindspore.dataset as ds

from trainer.config.schema import Settings
from trainer.data.last_batch import steps_per_epoch
from trainer.optim.rate_schedule import RateSchedule, lr_factors
from trainer.optim.schedule import StepCounts, constant_factor
from trainer.run.components import RunComponents


def step_counts(settings: Settings, train: ds.Dataset, world_size: int) -> StepCounts:
    """Return how many optimizer steps a run has."""
    per_epoch = steps_per_epoch(train, world_size)
    return StepCounts(settings.epochs * per_epoch, per_epoch)


def build_rate_schedule(
    settings: Settings, components: RunComponents, length: StepCounts
) -> RateSchedule:
    """Return the learning rates of a run."""
    schedule = components.extras.schedule
    factor = schedule(length, lambda: ()) if schedule else constant_factor
    return RateSchedule(settings.optimizer.lr, lr_factors(components.plan), factor)

"""Length: how many steps the run of some settings has, and what does not fit in them."""

import math

from trainer.checkpoint.resume import ResumePoint
from trainer.config import evaluation, phase_problems
from trainer.config.schema import Settings
from trainer.data.batch_source import BatchSource, steps_per_epoch
from trainer.engine.run_length import RunLength


def run_length(settings: Settings, train: BatchSource, world_size: int) -> RunLength:
    """Return the length of a run in optimizer steps.

    Args:
        settings: of the run.
        train: its training batches.
        world_size: number of processes that share each batch.
    """
    batches, when = steps_per_epoch(train, world_size), settings.evaluation
    steps = math.ceil(batches / settings.gradient.accumulation_steps)
    return RunLength(
        settings.epochs, steps, settings.max_steps, when.every_epochs, when.every_steps
    )


def interval_problems(settings: Settings, train: BatchSource, world_size: int) -> list[str]:
    """Return that no epoch has the steps of ``evaluation.every_steps``; see ``run_length``."""
    every = settings.evaluation.every_steps
    if every is None:
        return []
    steps = run_length(settings, train, world_size).steps_per_epoch
    expected = f"expected at most {steps}, the optimizer steps of an epoch, received {every}"
    return [f"evaluation.every_steps: {expected}"] if every > steps else []


def data_epoch(settings: Settings, epoch: int) -> int:
    """Return the epoch whose order of the data an epoch has: its own, or always the same."""
    return epoch if settings.overfit_batches is None else 0


def problems(settings: Settings) -> list[str]:
    """Return what does not fit together in lengths, evaluation, early stopping and phases."""
    parts = settings.evaluation, settings.early_stopping, settings.checkpoint.best
    texts = evaluation.problems(*parts, has_ema=settings.ema.decay is not None)
    limits = {
        "limit_train_batches": settings.limit_train_batches,
        "limit_validation_batches": settings.limit_validation_batches,
    }
    for name, value in limits.items():
        if settings.overfit_batches and value:
            texts.append(f"{name}: expected null with overfit_batches, received {value}")
    return texts + phase_problems.of_settings(settings)


def class_problems(settings: Settings, classes: int | None) -> list[str]:
    """Return that an accuracy is monitored although labels are no classes."""
    monitor = settings.evaluation.monitor
    if classes is not None or monitor.removeprefix(evaluation.EMA) != evaluation.ACCURACY:
        return []
    expected = "expected a value that the labels allow, such as validation_loss"
    return [f"evaluation.monitor: {expected}, received {monitor}, but the labels are no classes"]


def resume_problems(point: ResumePoint | None, length: RunLength) -> list[str]:
    """Return that a run has taken more steps than it is to have.

    Args:
        point: where the run continues; None if it starts from scratch.
        length: of the run as it is now.
    """
    begun = 0 if point is None else length.steps_at(point.progress)
    if length.max_steps is None or begun <= length.max_steps:
        return []
    expected = f"expected at least {begun}, which have been taken, received {length.max_steps}"
    return [f"max_steps: {expected}"]

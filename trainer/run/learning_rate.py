"""Learning rate of a run: its rates at each optimizer step, and what the screens say of them."""

import math
from collections.abc import Callable

from trainer.config import schema
from trainer.config.groups import optional_spec
from trainer.config.schedule import PLATEAU, short_name
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data.batch_source import BatchSource
from trainer.data.build_sources import build_sources
from trainer.data.run_data import Data
from trainer.distributed import world
from trainer.freezing.plan import Plan
from trainer.optim.rate_schedule import RateSchedule, lr_factors
from trainer.optim.schedule import (
    History,
    Schedule,
    StepCounts,
    build_schedule,
    constant_factor,
    length_problems,
)
from trainer.run.components import RunComponents
from trainer.run.length import run_length
from trainer.run.plan_rows import Row


def step_counts(settings: Settings, train: BatchSource, world_size: int) -> StepCounts:
    """Return how many optimizer steps a run has."""
    length = run_length(settings, train, world_size)
    return StepCounts(length.steps, length.steps_per_epoch)


def build_rate_schedule(
    settings: Settings,
    schedule: Schedule | None,
    plan: Plan | None,
    counts: StepCounts,
    steps_taken: int = 0,
    history: Callable[[], History] = lambda: (),
) -> RateSchedule:
    """Return the learning rates of a run; without a plan, those of a factor of 1."""
    factor = schedule(counts, history) if schedule else constant_factor
    factors = lr_factors(plan) if plan else [1.0]
    return RateSchedule(settings.optimizer.lr, factors, factor, steps_taken)


def steps_taken(components: RunComponents, counts: StepCounts) -> int:
    """Return the number of optimizer steps before the point from which a run resumes."""
    if components.resume_point is None:
        return 0
    return components.resume_point.progress.updates(counts.steps_per_epoch)


def schedule_row(settings: Settings, rates: RateSchedule, counts: StepCounts) -> list[Row]:
    """Return a row with the first, the peak and the last rate; none if the rate is constant."""
    if settings.schedule is None:
        return []
    name = short_name(settings.schedule.target)
    span = rates.span(counts.steps)
    if name == PLATEAU:
        lr, monitor = settings.optimizer.lr, settings.evaluation.monitor
        now = f", now {span.last:.4g}" if span.last < lr else ""
        fall = f"falls when {monitor} does not improve"
        return [("schedule", f"{name}: lr {lr:.4g} at the peak{now}; {fall}")]
    peak = f"{span.peak:.4g} at the peak (step {span.peak_step + 1}), " if span.peak_step else ""
    ends = f"lr {span.first:.4g} first, {peak}{span.last:.4g} last"
    return [("schedule", f"{name}: {ends}, of {counts.steps} steps")]


def preview_row(settings: Settings, schedule: Schedule | None) -> list[Row]:
    """Return the row of a run that has not begun; its steps are those of the data."""
    if settings.schedule is None:
        return []
    try:
        train = build_sources(settings).train
    except ConfigError as error:
        name, why = short_name(settings.schedule.target), error.problems[0]
        return [("schedule", f"{name}: the rates depend on the data, which cannot be read ({why})")]
    counts = step_counts(settings, train, settings.distributed.ranks)
    return schedule_row(settings, build_rate_schedule(settings, schedule, None, counts), counts)


def check_schedule(settings: Settings, schedule: Schedule | None, data: Data) -> None:
    """Compute the rates of all steps before anything is trained.

    Raises:
        ConfigError: the schedule does not fit the data, or fails at one of the steps.
    """
    spec, ranks = optional_spec(settings.schedule), world.current().world_size
    counts = step_counts(settings, data.train, ranks)
    if problems := length_problems(spec, counts):
        raise ConfigError(problems)
    build_rate_schedule(settings, schedule, None, counts).span(counts.steps)


def jump_row(
    settings: Settings, components: RunComponents, rates: RateSchedule, counts: StepCounts
) -> list[Row]:
    """Return a row that says how far the rate jumps where a run resumes; none if it does not."""
    taken = steps_taken(components, counts)
    if components.resume_point is None or not taken:
        return []
    before, _ = schema.read(components.resume_point.checkpoint.settings, recorded=True)
    if before.schedule and short_name(before.schedule.target) == PLATEAU:
        return []  # its rates depend on what it has monitored
    old_counts = step_counts(before, components.train, world.current().world_size)
    try:
        schedule = build_schedule(optional_spec(before.schedule), before.optimizer.lr)
    except ConfigError:  # a custom one whose code is gone
        return []
    old = build_rate_schedule(before, schedule, None, old_counts)
    last, expected = old.scheduled_at(taken - 1), old.scheduled_at(taken)
    now = rates.scheduled_at(taken)
    if math.isclose(expected, now, rel_tol=1e-9):
        return []
    reason = f"the run now has {counts.steps} steps, before {old_counts.steps}"
    if counts.steps == old_counts.steps:
        reason = "its settings have changed"
    step = f"in step {taken + 1}, where the run resumes"
    return [("", f"the learning rate jumps from {last:.4g} to {now:.4g} {step}: {reason}")]

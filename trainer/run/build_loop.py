"""Loop: the training loop of a run, put together from its parts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch, Columns
from trainer.backend.graph import module_tree
from trainer.backend.graph.task import ignored_label
from trainer.checkpoint import restore
from trainer.core.signals import StopFlag
from trainer.data import batches as data
from trainer.data.batch_source import ALONE, as_tensors, tensors
from trainer.data.label_check import AnyBatch, checked
from trainer.engine.callback import Callback
from trainer.engine.ema import decay_at
from trainer.engine.loop_spec import EpochBatches, Loop
from trainer.engine.optimizer_step import OptimizerStep
from trainer.engine.step_builder import BoundStep
from trainer.engine.step_rates import StepRates
from trainer.feature_cache.augmented_views import AugmentedViews
from trainer.feature_cache.features import Features
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import NOT_MEASURED, Score
from trainer.optim.optimizer import build_optimizer
from trainer.run import recomputed_cells
from trainer.run.components import RunComponents
from trainer.run.fit_context import FitContext
from trainer.run.graph_reuse import CompiledRun
from trainer.run.length import data_epoch
from trainer.run.step_options import takes_rates
from trainer.run.step_rows import fetches_each

Rows: TypeAlias = Iterator[Columns]


def build_loop(
    context: FitContext,
    compiled: CompiledRun,
    callbacks: Callback,
    stop: StopFlag,
    features: Features | None,
) -> Loop:
    """Return the loop of a phase: on batches or stored features, in one process or several.

    Args:
        context: of the phase.
        compiled: what it trains with.
        callbacks: are called at each phase, step and epoch.
        stop: returns why to stop, if so.
        features: of the phase; None: it takes batches.
    """
    loop = _plain_loop(context, compiled, callbacks, stop)
    if features is not None:
        loop = _on_features(loop, context, features)
    if context.world.world_size > 1:
        return _distributed_loop(loop, context, compiled, stop, features)
    if features is None:
        return _with_rates(loop, context, compiled.make_step)
    return _with_rates(loop, context, partial(compiled.make_step_on_features, features=features))


def _distributed_loop(
    loop: Loop,
    context: FitContext,
    compiled: CompiledRun,
    stop: StopFlag,
    features: Features | None,
) -> Loop:
    """Return the loop of one of several ranks, whose batches are this rank's shares."""
    from trainer.engine.distributed_step import Exchange  # imports MindSpore's communication

    ranks, model = context.world.world_size, context.components.model
    exchange = Exchange(stop, ranks)

    def around(name: str, make: Callable[[nn.Cell], Callable[..., Tensor]]) -> Any:
        return features.make_step(make) if features else make(model)

    builder = compiled.step_builder(around, exchange=exchange)
    loop = replace(loop, stop_reason=exchange.stopped, world_size=ranks)
    return _with_rates(loop, context, builder.build)


def _plain_loop(
    context: FitContext, compiled: CompiledRun, callbacks: Callback, stop: StopFlag
) -> Loop:
    settings, components = context.settings, context.components
    point = components.resume_point

    def make_optimizer(applied: FrozenModel) -> nn.Optimizer:
        parts = settings.optimizer.spec(), applied.trainable, applied.plan
        return compiled.make_optimizer(lambda: build_optimizer(*parts))

    return Loop(
        model=components.model,
        make_optimizer=make_optimizer,
        make_step=lambda optimizer: compiled.make_step(optimizer)(None),
        batches=partial(_batches, context),
        evaluate=lambda: _evaluate(context, compiled),
        callback=callbacks,
        length=context.length,
        place=context.place,
        stop_reason=stop,
        start=point.progress if point else None,
        restore_optimizer=partial(_restore, context),
        host_copy=context.host_copy,
        fetch_every=1 if fetches_each(settings) else settings.device.fetch_every,
        accumulation_steps=settings.gradient.accumulation_steps,
        averaged=compiled.averages.applied if compiled.averages else None,
        end_reason=context.end_reason,
        bank=context.bank,
        recomputed=recomputed_cells.names(settings, module_tree.describe(components.model)),
    )


def _restore(context: FitContext, optimizer: nn.Optimizer) -> None:
    """Restore the state of a resume, with that of parameters that are frozen for a while."""
    others = restore.load_state(context.components.resume_point, optimizer, context.extra)
    if len(context.place.phases) > 1:
        context.bank.arrays |= others


def _checked(batches: Iterable[AnyBatch], components: RunComponents) -> Iterator[AnyBatch]:
    return checked(batches, components.classes, ignored_label(components.loss))


def _batches(context: FitContext, epoch: int, start: int = 0) -> Iterator[Batch]:
    """Return this rank's training batches of an epoch, from number ``start`` on."""
    components, number = context.components, data_epoch(context.settings, epoch)
    batches = components.train.batches(number, start, context.world)
    return context.reading.track(_checked(batches, components))


def _columns(context: FitContext, epoch: int, start: int = 0, whole: bool = False) -> Rows:
    """Return the same as NumPy arrays; whole batches are those of all ranks."""
    components, number = context.components, data_epoch(context.settings, epoch)
    columns = components.train.columns(number, start, ALONE if whole else context.world)
    return context.reading.track(_checked(columns, components))


def _evaluate(context: FitContext, compiled: CompiledRun) -> Score:
    components = context.components
    if components.validation is None:
        return NOT_MEASURED
    alone = not context.reading.is_reading
    if context.world.world_size == 1:
        batches: Iterable[Batch | None] = components.validation.batches(0, alone=alone)
    else:
        batches = _dealt(components.validation.dealt_columns(context.world, alone))
    metrics, tta = components.extras.metrics, context.settings.evaluation.tta
    return compiled.evaluator(batches, metrics=metrics, tta=tta)


def _with_rates(
    loop: Loop, context: FitContext, build: Callable[[nn.Optimizer], BoundStep]
) -> Loop:
    """Return a loop that takes these steps, with the learning rates of the schedule."""
    ema, takes = context.settings.ema, takes_rates(context.settings, context.components)

    def make_step(optimizer: nn.Optimizer) -> OptimizerStep:
        step, rates = build(optimizer), context.rate_schedule.of(optimizer)
        if ema.decay is None:
            return step(StepRates(rates) if takes else None)
        decay = partial(decay_at, decay=ema.decay, warmup=ema.warmup_updates)
        return step(StepRates(rates, lambda updates: 1 - decay(updates)))

    return replace(loop, make_step=make_step)


def _on_features(loop: Loop, context: FitContext, features: Features) -> Loop:
    """Return a loop that takes batches of stored features, and evaluates on them."""
    components = context.components
    evaluator = features.evaluator(components.loss, context.world)

    def evaluate() -> Score:
        if components.validation is None:
            return NOT_MEASURED
        alone = not context.reading.is_reading
        columns = components.validation.dealt_columns(context.world, alone)
        score = evaluator(
            _dealt(features.dealt_batches(columns)), metrics=components.extras.metrics
        )
        features.flush()
        return score

    return replace(loop, batches=_feature_batches(context, features), evaluate=evaluate)


def _feature_batches(context: FitContext, features: Features) -> EpochBatches:
    settings, count, world = context.settings, context.settings.features.views, context.world
    columns = partial(_columns, context, whole=True)
    views = AugmentedViews(features, columns, count, settings.seed) if count else None

    def batches(epoch: int, start: int = 0) -> Iterator[Batch]:
        if views:
            view = views.batches(max(data_epoch(settings, epoch), 1))
            rows: Rows = islice(data.shard(view, world), start, None)
        else:
            full_size = context.components.batch_size // world.world_size
            rows = features.batches(_columns(context, epoch, start), full_size)
        try:
            yield from tensors(rows)
        finally:  # an epoch may be left before its end
            features.flush()
            features.log_counts(epoch)

    return batches


def _dealt(batches: Iterable[Columns | None]) -> Iterator[Batch | None]:
    return (batch and as_tensors(batch) for batch in batches)

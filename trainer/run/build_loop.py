"""Loop: the training loop of a run, put together from its parts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch, Columns
from trainer.backend.graph import module_tree
from trainer.backend.graph.task import ignored_label
from trainer.checkpoint import restore
from trainer.core.signals import StopFlag
from trainer.data import batches as data
from trainer.data.label_check import AnyBatch, checked
from trainer.engine.callback import Callback
from trainer.engine.ema import decay_at
from trainer.engine.loop_spec import Loop
from trainer.engine.optimizer_step import OptimizerStep
from trainer.engine.step_builder import BoundStep
from trainer.engine.step_rates import StepRates
from trainer.feature_cache.augmented_views import AugmentedViews
from trainer.feature_cache.features import Features
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import NOT_MEASURED, Score
from trainer.optim.optimizer import build_optimizer
from trainer.run import recomputed_cells
from trainer.run.cached_features import cached_features
from trainer.run.components import RunComponents
from trainer.run.fit_context import FitContext
from trainer.run.graph_reuse import CompiledRun
from trainer.run.length import data_epoch
from trainer.run.step_rows import fetches_each


def build_loop(
    context: FitContext, compiled: CompiledRun, callbacks: Callback, stop: StopFlag
) -> Loop:
    """Return the loop of a run: on batches or stored features, in one process or several.

    Args:
        context: of the run.
        compiled: what it trains with.
        callbacks: are called at each phase, step and epoch.
        stop: returns why to stop, if so.
    """
    loop, features = _plain_loop(context, compiled, callbacks, stop), None
    if context.components.cache_decision.storable:
        features = cached_features(context.settings, context.components, compiled.compile)
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
    if features is None:
        loop = replace(loop, batches=_sharded_batches(context))
    loop = replace(loop, stop_reason=exchange.stopped, world_size=ranks)
    return _with_rates(loop, context, builder.build)


def _plain_loop(
    context: FitContext, compiled: CompiledRun, callbacks: Callback, stop: StopFlag
) -> Loop:
    settings, components = context.settings, context.components
    point = components.resume_point

    def make_optimizer(applied: FrozenModel) -> nn.Optimizer:
        spec = settings.optimizer.spec()
        return compiled.make_optimizer(
            lambda: build_optimizer(spec, applied.trainable, applied.plan)
        )

    return Loop(
        model=components.model,
        make_optimizer=make_optimizer,
        make_step=lambda optimizer: compiled.make_step(optimizer)(None),
        batches=partial(_batches, context),
        evaluate=lambda: _evaluate(context, compiled),
        callback=callbacks,
        stop_reason=stop,
        start=point.progress if point else None,
        restore_optimizer=lambda optimizer: restore.load_state(point, optimizer, context.extra),
        host_copy=context.host_copy,
        fetch_every=1 if fetches_each(settings) else settings.device.fetch_every,
        length=context.length,
        accumulation_steps=settings.gradient.accumulation_steps,
        averaged=compiled.averages.applied if compiled.averages else None,
        end_reason=context.end_reason,
        recomputed=recomputed_cells.names(settings, module_tree.describe(components.model)),
    )


def _checked(batches: Iterable[AnyBatch], components: RunComponents) -> Iterator[AnyBatch]:
    return checked(batches, components.classes, ignored_label(components.loss))


def _batches(context: FitContext, epoch: int) -> Iterator[Batch]:
    """Return the training batches of an epoch."""
    components, settings = context.components, context.settings
    batches = data.batches(components.train, settings.seed, data_epoch(settings, epoch))
    return context.reading.track(_checked(batches, components))


def _columns(context: FitContext, epoch: int) -> Iterator[Columns]:
    """Return the same as NumPy arrays."""
    components, settings = context.components, context.settings
    columns = data.columns(components.train, settings.seed, data_epoch(settings, epoch))
    return context.reading.track(_checked(columns, components))


def _evaluate(context: FitContext, compiled: CompiledRun) -> Score:
    components = context.components
    if components.validation is None:
        return NOT_MEASURED
    alone = not context.reading.is_reading
    batches = data.batches(components.validation, context.settings.seed, 0, alone)
    return compiled.evaluator(batches, metrics=components.extras.metrics)


def _with_rates(
    loop: Loop, context: FitContext, build: Callable[[nn.Optimizer], BoundStep]
) -> Loop:
    """Return a loop that takes these steps, with the learning rates of the schedule."""
    ema, is_constant = context.settings.ema, context.components.extras.schedule is None

    def make_step(optimizer: nn.Optimizer) -> OptimizerStep:
        step, rates = build(optimizer), context.rate_schedule.of(optimizer)
        if ema.decay is None:
            return step(None if is_constant else StepRates(rates))
        decay = partial(decay_at, decay=ema.decay, warmup=ema.warmup_updates)
        return step(StepRates(rates, lambda updates: 1 - decay(updates)))

    return replace(loop, make_step=make_step)


def _sharded_batches(context: FitContext) -> Callable[[int], Iterator[Batch]]:
    def batches(epoch: int) -> Iterator[Batch]:
        return _tensors(data.shard(_columns(context, epoch), context.world))

    return batches


def _on_features(loop: Loop, context: FitContext, features: Features) -> Loop:
    """Return a loop that takes batches of stored features, and evaluates on them."""
    components, seed = context.components, context.settings.seed
    evaluator = features.evaluator(components.loss, context.world)

    def evaluate() -> Score:
        if components.validation is None:
            return NOT_MEASURED
        alone = not context.reading.is_reading
        columns = data.columns(components.validation, seed, 0, alone)
        batches = _tensors(features.batches(columns))
        score = evaluator(batches, metrics=components.extras.metrics)
        features.flush()
        return score

    return replace(loop, batches=_feature_batches(context, features), evaluate=evaluate)


def _feature_batches(context: FitContext, features: Features) -> Callable[[int], Iterator[Batch]]:
    settings, count = context.settings, context.settings.features.views
    columns = partial(_columns, context)
    views = AugmentedViews(features, columns, count, settings.seed) if count else None

    def batches(epoch: int) -> Iterator[Batch]:
        view = max(data_epoch(settings, epoch), 1)
        sharded = data.shard(views.batches(view) if views else columns(epoch), context.world)
        try:
            yield from _tensors(sharded if views else features.batches(sharded))
        finally:  # an epoch may be left before its end
            features.flush()
            features.log_counts(epoch)

    return batches


def _tensors(batches: Iterable[Columns]) -> Iterator[Batch]:
    return ([Tensor(column) for column in batch] for batch in batches)

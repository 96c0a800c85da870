"""Assembly: the training loop of a run, put together from its settings and what they gave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from mindspore import Parameter, Tensor, nn

from trainer.backend.batch_types import Batch, Columns
from trainer.backend.host_copy import HostCopy
from trainer.checkpoint import restore
from trainer.config.schema import Settings
from trainer.core.signals import StopFlag
from trainer.data import batches as data
from trainer.distributed import world
from trainer.distributed.world import World
from trainer.engine.callback import Callback
from trainer.engine.loop import Loop
from trainer.engine.train_step import TrainStep
from trainer.feature_cache.augmented_views import AugmentedViews
from trainer.feature_cache.features import Features
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score
from trainer.optim import optimizer
from trainer.run import cached_features
from trainer.run.graph_reuse import CompiledRun
from trainer.run.setup import RunComponents


def build_loop(
    settings: Settings,
    compiled: CompiledRun,
    watcher: Callback,
    stop: StopFlag,
    extra: Mapping[str, Parameter],
    mirror: HostCopy,
) -> Loop:
    """Return the loop of a run.

    Args:
        settings: of the run.
        compiled: what it trains with.
        watcher: hears of every phase, step and epoch.
        stop: tells why to stop, if so.
        extra: parameters besides net and optimizer that a step changes, by name.
        mirror: of the net.
    """
    here, setup, spec = world.current(), compiled.components, settings.optimizer.spec()
    resumed, seed = setup.resume_point, settings.seed

    def make_optimizer(applied: FrozenModel) -> nn.Optimizer:
        return compiled.make_optimizer(
            lambda: optimizer.build_optimizer(spec, applied.trainable, applied.plan)
        )

    whole = Loop(
        model=setup.model,
        make_optimizer=make_optimizer,
        make_step=compiled.make_step,
        batches=lambda epoch: data.batches(setup.train, seed, epoch),
        evaluate=lambda: compiled.evaluator(data.batches(setup.validation, seed, 0)),
        callback=watcher,
        stop_reason=stop,
        start=resumed.progress if resumed else None,
        restore_optimizer=lambda made: restore.state(resumed, made, extra),
        host_copy=mirror,
        fetch_every=settings.device.fetch_every if here.world_size == 1 else 1,
    )
    stored = (
        cached_features.cached_features(settings, setup) if setup.cache_decision.storable else None
    )
    if stored is not None:
        whole = _stored(whole, settings, compiled, stored)
    if here.world_size == 1:
        return whole
    from trainer.engine import distributed_step  # imports MindSpore's communication

    if stored is None:
        whole = replace(whole, batches=_sharded(setup, seed, here))
    around = None if stored is None else stored.make_step
    return distributed_step.distribute(whole, setup.loss, compiled.scaler, here.world_size, around)


def _sharded(setup: RunComponents, seed: int, here: World) -> Callable[[int], Iterator[Batch]]:
    def batches(epoch: int) -> Iterator[Batch]:
        return _tensors(data.shard(data.columns(setup.train, seed, epoch), here))

    return batches


def _stored(whole: Loop, settings: Settings, compiled: CompiledRun, stored: Features) -> Loop:
    """Return a loop that trains and evaluates on stored features."""
    setup, seed, here = compiled.components, settings.seed, world.current()
    evaluator = stored.evaluator(setup.loss, here)
    count = settings.features.views
    views = (
        AugmentedViews(stored, partial(data.columns, setup.train, seed), count, seed)
        if count
        else None
    )

    def batches(epoch: int) -> Iterator[Batch]:
        own = views.batches(epoch) if views else data.columns(setup.train, seed, epoch)
        shared = data.shard(own, here)
        try:
            yield from _tensors(shared if views else stored.batches(shared))
        finally:  # an epoch may be left before its end
            stored.flush()
            stored.log_counts(epoch)

    def evaluate() -> Score:
        found = stored.batches(data.columns(setup.validation, seed, 0))
        score = evaluator(_tensors(found))
        stored.flush()
        return score

    def make_step(made: nn.Optimizer) -> Callable[..., Tensor]:
        parts = setup.loss, made, compiled.scaler
        return stored.make_step(lambda tail: TrainStep(tail, *parts, diverged=compiled.diverged))

    return replace(whole, make_step=make_step, batches=batches, evaluate=evaluate)


def _tensors(batches: Iterable[Columns]) -> Iterator[Batch]:
    return ([Tensor(column) for column in batch] for batch in batches)

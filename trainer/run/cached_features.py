"""Cached features of a phase, under a key of all that they depend on."""

import os
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

import mindspore as ms
import numpy as np

from trainer.backend import processor
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint import checkpoint
from trainer.config.groups import optional_spec
from trainer.config.schema import Settings
from trainer.core import atomic_files, cache_folder
from trainer.core.tensors import Weights, sha256
from trainer.distributed import world
from trainer.feature_cache import feature_columns
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.features import Features
from trainer.feature_cache.replay import Compile
from trainer.feature_cache.store import FeatureStore
from trainer.freezing.plan import Plan
from trainer.run.components import RunComponents

Hash = Callable[[str], str]  # of a weight, by its name

# Prefixes of environment variables that may change what is computed.
_COMPUTING = ("ONEDNN_", "DNNL_")
# Settings of the device on which no bit of a feature depends; the versions state the convolutions.
_NO_BIT = {"threads", "fetch_every", "loss_scale", "device_id", "convolutions", "recompute"}


def phase_features(
    settings: Settings,
    components: RunComponents,
    compile: Compile,
    previous: Features | None = None,
    plans: Iterable[Plan] = (),
) -> Features | None:
    """Return the features of a phase, from the previous ones where possible; None: it has none.

    Args:
        settings: of the run.
        components: with the plan and the decision of the phase; the model is read as it is now.
        compile: returns what to call in place of a cell with the model in it, by a graph's name.
        previous: features of the phase before, closed here or as soon as they are not needed.
        plans: of all earlier phases: what they train, no other run has.
    """
    storable, weights = components.cache_decision.storable, _weights(components)
    hash_of = cache(lambda name: sha256(weights[name]))
    source = _source(previous, storable, hash_of)
    if storable is None:
        return None
    if source is not None and storable.has_boundary_of(source.cacheable):
        features = source.renewed(storable, compile)
    else:
        store = _store(settings, components, plans, _keyed(components, weights), hash_of)
        options = store, settings.features.exact, compile, source
        features = Features(components.model, storable, *options)
    features.weights = {name: hash_of(name) for name in components.plan.names("frozen")}
    return features


def _weights(components: RunComponents) -> Weights:
    """Return the weights of a model as its plan stores them."""
    weights = to_numpy(components.model)
    for name in components.plan.half:
        weights[name] = weights[name].astype(np.float16).astype(weights[name].dtype)
    return weights


def _source(
    previous: Features | None, storable: Cacheable | None, hash_of: Hash
) -> Features | None:
    """Return the features of which those of a phase are made; close them if they are of no use."""
    if previous is None:
        return None

    def is_valid(features: Features) -> bool:
        return all(hash_of(name) == value for name, value in features.weights.items())

    if storable and is_valid(previous) and storable.has_boundary_of(previous.cacheable):
        return previous
    source = previous.as_source()
    if storable and is_valid(source) and source.feeds(storable):
        return source
    source.close()
    return None


def _keyed(components: RunComponents, weights: Weights) -> list[str]:
    """Return the names of the weights that features may depend on."""
    frozen = {*components.plan.names("frozen")}
    return [n for n, array in weights.items() if n in frozen or array.dtype.kind in "biu"]


def _store(
    settings: Settings,
    components: RunComponents,
    plans: Iterable[Plan],
    keyed: Collection[str],
    hash_of: Hash,
) -> FeatureStore:
    """Return the store of a phase: in memory, or in a folder for all runs with the same key.

    No other run can use features of weights that this run has trained: they are kept in memory if
    they fit there and no other rank reads them, else in a folder that is removed in the end.
    """
    decision, options = components.cache_decision, settings.features
    assert decision.storable is not None, "nothing is stored without a boundary"
    columns = feature_columns.column_specs(decision.storable, options.dtype)
    folder = cache_folder.folder("features", options.folder)
    frozen = {*components.plan.names("frozen")}
    is_own = any(not frozen.issubset(plan.names("frozen")) for plan in plans)
    depends = {"weights": {n: hash_of(n) for n in keyed}} | ({"own": True} if is_own else {})
    key = atomic_files.checksum(_depends(settings, decision.storable, components) | depends)
    fits = decision.nbytes <= 1e6 * options.memory_mb
    in_memory = decision.net is None or (is_own and fits and world.current().world_size == 1)
    limits = 1e6 * options.memory_mb, 0 if in_memory else 1e6 * options.max_mb
    return FeatureStore(folder / key[:32], columns, *limits, temporary=is_own)


def _depends(settings: Settings, storable: Cacheable, components: RunComponents) -> dict[str, Any]:
    """Return all that features depend on, except weights and samples."""
    columns = feature_columns.column_specs(storable, settings.features.dtype)
    sizes = [settings.batch_size, world.current().world_size]
    return {
        "net": components.cache_decision.net,
        "model": settings.model.spec(),
        "stored": storable.boundary.stored,
        "columns": [[column.shape, column.dtype] for column in columns],
        "inputs": [[shape[1:], str(kind)] for shape, kind in storable.input_specs],
        "dataset": settings.dataset.spec(),
        "transform": optional_spec(settings.transform),
        "sizes": sizes if settings.features.exact else [],
        "target": ms.get_context("device_target"),
        "device": settings.device.model_dump(exclude=_NO_BIT),
        "processor": processor.model(),
        "environment": {k: v for k, v in os.environ.items() if k.startswith(_COMPUTING)},
        "versions": {k: v for k, v in checkpoint.versions().items() if k != "ranks"},
    }

"""Cached features of a run, under a key of all that they depend on."""

import os

import mindspore as ms

from trainer.backend import processor
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint import checkpoint
from trainer.config.groups import optional_spec
from trainer.config.schema import Settings
from trainer.core import atomic_files, cache_folder
from trainer.core.tensors import sha256
from trainer.distributed import world
from trainer.feature_cache import features
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.features import Features
from trainer.feature_cache.replay import Compile
from trainer.feature_cache.store import FeatureStore
from trainer.run.components import RunComponents

# Prefixes of environment variables that may change what is computed.
_COMPUTING = ("ONEDNN_", "DNNL_")
# Settings of the device on which no bit of a feature depends; the versions state the convolutions.
_NO_BIT = {"threads", "fetch_every", "loss_scale", "device_id", "convolutions", "recompute"}


def cached_features(settings: Settings, components: RunComponents, compile: Compile) -> Features:
    """Return the features of a model, with those that earlier runs have stored.

    Args:
        settings: of the run.
        components: of the run.
        compile: returns what to call in place of a cell with the model in it, by a graph's name.
    """
    decision, options = components.cache_decision, settings.features
    assert decision.storable is not None, "a run without stored features has none"
    columns = features.column_specs(decision.storable, options.dtype)
    cache = cache_folder.folder("features", options.folder)
    key = _key(settings, decision.storable, components)
    limit_mb = options.max_mb if decision.net else 0
    store = FeatureStore(cache / key[:32], columns, 1e6 * options.memory_mb, 1e6 * limit_mb)
    return Features(components.model, decision.storable, store, options.exact, compile)


def _key(settings: Settings, storable: Cacheable, components: RunComponents) -> str:
    """Return a hash of all that features depend on, except the samples."""
    weights, frozen = to_numpy(components.model), {*components.plan.names("frozen")}
    keyed = [name for name, array in weights.items() if name in frozen or array.dtype.kind in "biu"]
    columns = features.column_specs(storable, settings.features.dtype)
    sizes = [settings.batch_size, world.current().world_size]
    return atomic_files.checksum(
        {
            "net": components.cache_decision.net,
            "model": settings.model.spec(),
            "stored": storable.boundary.stored,
            "columns": [[column.shape, column.dtype] for column in columns],
            "weights": {name: sha256(weights[name]) for name in keyed},
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
    )

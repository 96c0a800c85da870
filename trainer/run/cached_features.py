"""The cached features of a run."""

import os

import mindspore as ms

from trainer.backend import device
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint import checkpoint
from trainer.config.schema import Settings
from trainer.core import atomic_files, cache_folder
from trainer.core.tensors import sha256
from trainer.distributed import world
from trainer.feature_cache import features
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.features import Features
from trainer.feature_cache.store import FeatureStore
from trainer.run.components import RunComponents

# Beginnings of the names of environment variables that may change what is computed.
_COMPUTING = ("ONEDNN_", "DNNL_")
_NO_BIT = {"threads", "fetch_every", "loss_scale", "device_id"}  # settings of the device


def cached_features(settings: Settings, setup: "RunComponents") -> Features:
    """Return the features of a net, with those that runs before have left."""
    choice = setup.cache_decision
    assert choice.storable is not None, "what is not stored has no features"
    own = settings.features
    stored = features.column_specs(choice.storable, own.dtype)
    cache = cache_folder.folder("features", own.folder)
    key = _key(settings, choice.storable, setup)
    limit = own.max_mb if choice.net else 0
    store = FeatureStore(cache / key[:32], stored, 1e6 * own.memory_mb, 1e6 * limit)
    return Features(setup.model, choice.storable, store, own.exact)


def _key(settings: Settings, storable: Cacheable, setup: "RunComponents") -> str:
    """Return a hash of all that features depend on, besides the samples."""
    weights, frozen = to_numpy(setup.model), {*setup.plan.names("frozen")}
    kept = [name for name, array in weights.items() if name in frozen or array.dtype.kind in "biu"]
    stored = features.column_specs(storable, settings.features.dtype)
    sizes = [settings.batch_size, world.current().world_size]
    return atomic_files.checksum(
        {
            "net": setup.cache_decision.net,
            "model": settings.model.spec(),
            "stored": storable.boundary.stored,
            "columns": [[column.shape, column.dtype] for column in stored],
            "weights": {name: sha256(weights[name]) for name in kept},
            "inputs": [[shape[1:], str(kind)] for shape, kind in storable.input_specs],
            "dataset": settings.dataset.spec(),
            "sizes": sizes if settings.features.exact else [],
            "target": ms.get_context("device_target"),
            "device": settings.device.model_dump(exclude=_NO_BIT),
            "processor": device.cpu_model(),
            "environment": {k: v for k, v in os.environ.items() if k.startswith(_COMPUTING)},
            "versions": {k: v for k, v in checkpoint.versions().items() if k != "ranks"},
        }
    )

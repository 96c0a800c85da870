"""Build sources: the batches of each part of the data, as the settings name them."""

from collections.abc import Iterator
from dataclasses import dataclass

import mindspore.dataset as ds

from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core import cpu_cores
from trainer.core.errors import ConfigError
from trainer.data import batches, map_dataset
from trainer.data.adapters.adapt import adapt
from trainer.data.adapters.parts import split_parts
from trainer.data.batch_source import BatchSource
from trainer.data.loader_source import LoaderSource
from trainer.data.map_dataset import MapDataset
from trainer.data.mixing import Mixing
from trainer.data.pipeline_source import PipelineSource
from trainer.data.sample_reader import SampleReader
from trainer.data.transform import Transform
from trainer.distributed import world


@dataclass(frozen=True)
class Sources:
    """The batches of each part of the data; None: the part does not exist."""

    train: BatchSource
    validation: BatchSource | None = None
    test: BatchSource | None = None

    def items(self) -> Iterator[tuple[str, BatchSource]]:
        """Yield the names of the parts that exist, and their batches."""
        yield from ((name, part) for name, part in vars(self).items() if part is not None)


def build_sources(settings: Settings) -> Sources:
    """Return the batches of each part, (inputs..., label), limited as the settings say.

    Raises:
        ConfigError: the target returns something else, or a part without a batch.
    """
    returned = split_parts(instantiate_target("dataset", settings.dataset.spec()))
    parts = {name: adapt(part, name) for name, part in returned.items()}
    transform = build_transform(settings)
    if transform is not None:
        parts = {name: _as_images(part) for name, part in parts.items()}
    if any(isinstance(part, ds.Dataset) for part in parts.values()):
        _refuse_for_pipelines(settings)
    sources = {name: _source(settings, name, part, transform) for name, part in parts.items()}
    for name, source in sources.items():
        if _batch_count(settings, source) == 0:
            raise ConfigError([_empty(name, settings.batch_size)])
    return _limited(settings, Sources(**sources))


def build_transform(settings: Settings) -> Transform | None:
    """Return how images are prepared; None: they are used as they are."""
    if settings.transform is None:
        return None
    transform: Transform = instantiate_target("transform", settings.transform.spec())
    return transform


def _as_images(part: ds.Dataset | MapDataset) -> ds.Dataset | MapDataset:
    """Return the images of a pipeline one by one, if it offers them by a method ``as_images``."""
    as_images = getattr(part, "as_images", None)
    return part if as_images is None else as_images() or part


def _source(
    settings: Settings, name: str, part: ds.Dataset | MapDataset, transform: Transform | None
) -> BatchSource:
    if isinstance(part, ds.Dataset):
        return PipelineSource(part, settings.seed)
    options, trains = settings.dataset, name == "train"
    return LoaderSource(
        SampleReader(part, transform, trains, skip_errors=options.on_error == "skip"),
        settings.batch_size,
        settings.seed,
        options.workers or max(1, cpu_cores.used() // world.current().world_size),
        (options.sampler or "shuffle") if trains else "sequential",
        drop_last=trains and options.last_batch != "keep",
        skip_errors=options.on_error == "skip",
        mixing=_mixing(part, transform) if trains and transform else None,
    )


def _mixing(dataset: MapDataset, transform: Transform) -> Mixing | None:
    """Return what mixes the images of a batch; None: nothing does.

    Raises:
        ConfigError: labels are not known to be classes.
    """
    if not transform.mixes:
        return None
    labels, names = map_dataset.labels_of(dataset), map_dataset.class_names(dataset)
    if labels is not None and labels.ndim == 2:
        return Mixing(transform, labels.shape[1])
    if labels is None or labels.dtype.kind != "i" or not len(labels):
        expected = "expected labels that are class numbers, in an attribute `labels` of the dataset"
        raise ConfigError([f"transform.mixup, transform.cutmix: {expected}, received others"])
    return Mixing(transform, max(len(names), int(labels.max()) + 1))


def _refuse_for_pipelines(settings: Settings) -> None:
    """Refuse what holds for map-style datasets alone.

    Raises:
        ConfigError: names each setting.
    """
    keys = [f"dataset.{name}" for name in settings.dataset.loader_keys()]
    keys += ["transform"] if settings.transform is not None else []
    if keys:
        expected = "expected none, because a pipeline of mindspore.dataset makes its batches itself"
        raise ConfigError([f"{key}: {expected}" for key in keys])


def _limited(settings: Settings, sources: Sources) -> Sources:
    """Return sources with no more batches than the settings allow."""
    if settings.overfit_batches is not None:
        train = sources.train.limited(settings.overfit_batches)
        return Sources(train, train, sources.test)
    train = sources.train.limited(settings.limit_train_batches)
    validation = sources.validation
    if validation is not None:
        validation = validation.limited(settings.limit_validation_batches)
    return Sources(train, validation, sources.test)


def _empty(name: str, batch_size: int) -> str:
    reason = f"fewer than a batch (batch_size={batch_size}) and the remainder is dropped"
    part = "training" if name == "train" else name
    received = f"received none: there are no samples, or {reason}"
    return f"dataset: expected at least one {part} batch, {received}"


def _batch_count(settings: Settings, source: BatchSource) -> int:
    try:
        return source.batch_count
    except RuntimeError as error:  # a source of no samples
        why = batches.failure(error)
        raise ConfigError([f"dataset: {settings.dataset.target}: {why}"]) from None

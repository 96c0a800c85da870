"""Build sources: the batches of each part of the data, as the settings name them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import mindspore.dataset as ds

from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core import cpu_cores
from trainer.core.errors import ConfigError
from trainer.data import batches, map_dataset
from trainer.data.batch_source import BatchSource
from trainer.data.loader_source import LoaderSource
from trainer.data.map_dataset import MapDataset
from trainer.data.mixing import Mixing
from trainer.data.pipeline_source import PipelineSource
from trainer.data.sample_reader import SampleReader
from trainer.data.transform import Transform
from trainer.distributed import world

_NAMES = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_EXPECTED = (
    "expected (train, validation), pipelines of mindspore.dataset or map-style datasets; None for "
    "none"
)


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
    parts = _parts(instantiate_target("dataset", settings.dataset.spec()))
    transform = build_transform(settings)
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


def _parts(value: Any) -> dict[str, ds.Dataset | MapDataset]:
    """Return the datasets by the name of their part.

    Raises:
        ConfigError: the target has returned something else.
    """
    if isinstance(value, Mapping):
        if not value.keys() <= _NAMES.keys():
            received = ", ".join(map(str, value))
            raise ConfigError(
                [f"dataset: expected the keys {', '.join(_NAMES)}, received {received}"]
            )
        named = {_NAMES[name]: part for name, part in value.items()}
    else:
        is_several = isinstance(value, tuple | list) and 1 < len(value) <= 3
        values = value if is_several else [value]
        named = dict(zip(("train", "validation", "test"), values, strict=False))
    parts = {name: part for name, part in named.items() if part is not None}
    if "train" not in parts or not all(map(_is_dataset, parts.values())):
        received = ", ".join(type(part).__name__ for part in named.values())
        raise ConfigError([f"dataset: {_EXPECTED}, received {received}"])
    return parts


def _is_dataset(part: object) -> bool:
    is_array = hasattr(part, "dtype")
    return isinstance(part, ds.Dataset) or (map_dataset.is_map_dataset(part) and not is_array)


def _source(
    settings: Settings, name: str, part: ds.Dataset | MapDataset, transform: Transform | None
) -> BatchSource:
    if isinstance(part, ds.Dataset):
        return PipelineSource(part, settings.seed)
    options, trains = settings.dataset, name == "train"
    return LoaderSource(
        SampleReader(part, transform, augments=trains),
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

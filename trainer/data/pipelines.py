"""Pipelines: training and validation data built from settings, and read for one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mindspore.dataset as ds

from trainer.backend.batch_types import Batch
from trainer.config.evaluation import LOSS
from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core.errors import BadData, ConfigError
from trainer.data import batches, fingerprint, own_generators, random_draws
from trainer.data.fingerprint import Fingerprint


def build_pipelines(settings: Settings) -> tuple[ds.Dataset, ds.Dataset | None]:
    """Return the pipelines for training and for validation, whose batches are (inputs..., label).

    The one for validation may be None.

    Raises:
        ConfigError: the target returns something else, or a pipeline without a batch.
    """
    pipelines = instantiate_target("dataset", settings.dataset.spec())
    is_pair = isinstance(pipelines, tuple | list) and len(pipelines) == 2
    parts = list(pipelines) if is_pair else [pipelines]
    wrong = [p for p in parts if not isinstance(p, ds.Dataset)]
    if not is_pair or wrong not in ([], [None]) or parts[0] is None:
        received = ", ".join(type(part).__name__ for part in parts)
        expected = "expected (train, validation), pipelines of mindspore.dataset; None for none"
        raise ConfigError([f"dataset: {expected}, received {received}"])
    for name, pipeline in zip(("training", "validation"), pipelines, strict=True):
        if pipeline is not None and _size(settings, pipeline) == 0:
            raise ConfigError([_empty(name, settings.batch_size)])
    return _limited(settings, pipelines[0], pipelines[1])


def _limited(
    settings: Settings, train: ds.Dataset, validation: ds.Dataset | None
) -> tuple[ds.Dataset, ds.Dataset | None]:
    """Return pipelines with no more batches than the settings allow."""
    if settings.overfit_batches is not None:
        train = _take(train, settings.overfit_batches)
        return train, train
    limited = None if validation is None else _take(validation, settings.limit_validation_batches)
    return _take(train, settings.limit_train_batches), limited


def unlimited(pipeline: ds.Dataset) -> ds.Dataset:
    """Return a pipeline without the limit on its batches, if it has one."""
    is_limited = type(pipeline).__name__ == "TakeDataset"
    return pipeline.children[0] if is_limited else pipeline


def _take(pipeline: ds.Dataset, count: int | None) -> ds.Dataset:
    size: int = pipeline.get_dataset_size()
    return pipeline if count is None or count >= size else pipeline.take(count)


def _empty(name: str, batch_size: int) -> str:
    reason = f"fewer than a batch (batch_size={batch_size}) and the remainder is dropped"
    received = f"received none: there are no samples, or {reason}"
    return f"dataset: expected at least one {name} batch, {received}"


def first_batch(settings: Settings, pipeline: ds.Dataset) -> Batch:
    """Return the first batch of a pipeline.

    Raises:
        ConfigError: the data cannot be read; names the line of the pipeline's code.
    """
    try:
        return next(iter(batches.batches(pipeline, settings.seed, 0)))
    except BadData as error:
        why = str(error).removeprefix("dataset: ")
        raise ConfigError([f"dataset: {settings.dataset.target}: {why}"]) from None


def _size(settings: Settings, pipeline: ds.Dataset) -> int:
    try:
        return int(pipeline.get_dataset_size())
    except RuntimeError as error:  # a source of no samples
        why = batches.failure(error)
        raise ConfigError([f"dataset: {settings.dataset.target}: {why}"]) from None


@dataclass(frozen=True)
class Data:
    """The two pipelines of (inputs..., label) batches, and what their first batches show.

    Attributes:
        train: for training.
        validation: for validation; None: there is none.
        first_train: the first batch for training.
        first_validation: the first batch for validation.
        racing: operations for training whose random draws cannot be repeated.
        own_generators: operations that draw from a generator whose state is not saved.
        fingerprint: of the data, as far as they can be read again as they were.
    """

    train: ds.Dataset
    validation: ds.Dataset | None
    first_train: Batch
    first_validation: Batch | None
    racing: Sequence[str] = ()
    own_generators: Sequence[str] = ()
    fingerprint: Fingerprint = Fingerprint()


def build_data(settings: Settings) -> Data:
    """Return the data; raises what ``build_pipelines`` and ``first_batch`` do."""
    train, validation = build_pipelines(settings)
    if validation is None and (keys := _needing_validation(settings)):
        expected = "expected validation data to measure, received none from the dataset"
        raise ConfigError([f"{key}: {expected}" for key in keys])
    source = fingerprint.of_sources([train, validation])
    first = first_batch(settings, train)
    racing = random_draws.racing_operations(train, settings.seed)
    own = own_generators.holders(train)
    if own and _is_repeatable(settings, train, first):
        own = []
    scored = validation and first_batch(settings, validation)
    if settings.evaluation.every_steps:
        _check_draws(settings)
    hashed = "" if racing or own else fingerprint.of_batches([first, scored])
    return Data(train, validation, first, scored, racing, own, Fingerprint(hashed, source))


def _check_draws(settings: Settings) -> None:
    """Refuse validation data that draw random numbers while training data are being read.

    Raises:
        ConfigError: their Python functions draw from the generators that those of the training
            data draw from, so that no run could be repeated or resumed.
    """
    if random_draws.has_drawn(settings.seed):
        expected = "expected validation data that do not draw from random or np.random"
        received = f"received {settings.dataset.target}, whose validation data do"
        raise ConfigError([f"evaluation.every_steps: {expected}, {received}"])


def _needing_validation(settings: Settings) -> list[str]:
    """Return the settings that ask for a measurement on validation data."""
    when, stopping, target = settings.evaluation, settings.early_stopping, settings.schedule
    values = {
        f"evaluation.metrics={', '.join(when.metrics)}": bool(when.metrics),
        f"evaluation.monitor={when.monitor}": when.monitor not in (LOSS, *when.metrics),
        "schedule=plateau": target is not None and target.target.endswith(".plateau.plateau"),
        f"evaluation.every_steps={when.every_steps}": when.every_steps is not None,
        f"early_stopping.patience={stopping.patience}": stopping.patience is not None,
        "early_stopping.restore_best=true": stopping.restore_best,
    }
    return [key for key, needs in values.items() if needs]


def _is_repeatable(settings: Settings, pipeline: ds.Dataset, first: Batch) -> bool:
    """Tell whether the first batch of a pipeline is the same if it is read again."""
    again = first_batch(settings, pipeline)
    return fingerprint.of_batches([again]) == fingerprint.of_batches([first])


def read_again(settings: Settings, data: Data) -> Fingerprint:
    """Return the fingerprint of the data, built and read once more."""
    parts = [part for part in (data.train, data.validation) if part is not None]
    first = fingerprint.of_batches([first_batch(settings, part) for part in parts])
    source = fingerprint.of_sources(build_pipelines(settings))
    return Fingerprint(first if data.fingerprint.first else "", source)


def sample(settings: Settings) -> Batch:
    """Return the first training batch; raises what the two functions that it calls do."""
    return first_batch(settings, build_pipelines(settings)[0])


def problems(settings: Settings) -> list[str]:
    """Return the problem of a missing folder now, because the data are read last."""
    root = settings.dataset.spec().get("root")
    if root is None or (isinstance(root, str) and Path(root).expanduser().exists()):
        return []
    return [f"dataset.root: expected a folder, received {root!r}, which is not there"]

"""Pipelines: training and validation data built from settings, and read for one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mindspore.dataset as ds

from trainer.backend.batch_types import Batch
from trainer.config.instantiate import instantiate_target
from trainer.config.schema import Settings
from trainer.core.errors import BadData, ConfigError
from trainer.data import batches, random_draws
from trainer.data.fingerprint import fingerprint


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
    return pipelines[0], pipelines[1]


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
    """The two pipelines of (inputs..., label) batches, and the first batch of each.

    ``racing`` names the operations for training whose random draws cannot be repeated.
    """

    train: ds.Dataset
    validation: ds.Dataset | None
    first_train: Batch
    first_validation: Batch | None
    racing: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """A hash of the first batches; empty if they cannot be read again as they were."""
        return "" if self.racing else fingerprint([self.first_train, self.first_validation])


def build_data(settings: Settings) -> Data:
    """Return the data; raises what ``build_pipelines`` and ``first_batch`` do."""
    train, validation = build_pipelines(settings)
    if validation is None and settings.evaluation.metrics:
        names = ", ".join(settings.evaluation.metrics)
        expected = "expected validation data to measure, received none from the dataset"
        raise ConfigError([f"evaluation.metrics={names}: {expected}"])
    first = first_batch(settings, train)
    racing = random_draws.racing_operations(train, settings.seed)
    return Data(train, validation, first, validation and first_batch(settings, validation), racing)


def read_again(settings: Settings, data: Data) -> str:
    """Return the fingerprint of the first batches, read once more."""
    parts = [part for part in (data.train, data.validation) if part is not None]
    return fingerprint([first_batch(settings, part) for part in parts])


def sample(settings: Settings) -> Batch:
    """Return the first training batch; raises what the two functions that it calls do."""
    return first_batch(settings, build_pipelines(settings)[0])


def problems(settings: Settings) -> list[str]:
    """Return the problem of a missing folder now, because the data are read last."""
    root = settings.dataset.spec().get("root")
    if root is None or (isinstance(root, str) and Path(root).expanduser().exists()):
        return []
    return [f"dataset.root: expected a folder, received {root!r}, which is not there"]

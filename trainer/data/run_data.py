"""Run data: the sources of a run, and what their first batches show."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mindspore.dataset as ds

from trainer.backend.batch_types import Batch
from trainer.config.evaluation import LOSS
from trainer.config.schema import Settings
from trainer.core.errors import BadData, ConfigError
from trainer.data import fingerprint, own_generators, random_draws
from trainer.data.batch_source import BatchSource
from trainer.data.build_sources import Sources, build_sources
from trainer.data.fingerprint import Fingerprint


def first_batch(settings: Settings, source: BatchSource) -> Batch:
    """Return the first batch of a source, whose images are not mixed.

    Raises:
        ConfigError: the data cannot be read; names the line of the pipeline's code.
    """
    try:
        return next(source.batches(0))
    except BadData as error:
        why = str(error).removeprefix("dataset: ")
        raise ConfigError([f"dataset: {settings.dataset.target}: {why}"]) from None


@dataclass(frozen=True)
class Data:
    """The sources of (inputs..., label) batches, and what their first batches show.

    Attributes:
        train: for training.
        validation: for validation; None: there is none.
        first_train: the first batch for training.
        first_validation: the first batch for validation.
        racing: operations for training whose random draws cannot be repeated.
        own_generators: operations that draw from a generator whose state is not saved.
        fingerprint: of the data, as far as they can be read again as they were.
        test: for a test, which only evaluate reads; None: there is none.
    """

    train: BatchSource
    validation: BatchSource | None
    first_train: Batch
    first_validation: Batch | None
    racing: Sequence[str] = ()
    own_generators: Sequence[str] = ()
    fingerprint: Fingerprint = Fingerprint()
    test: BatchSource | None = None


def build_data(settings: Settings) -> Data:
    """Return the data; raises what ``build_sources`` and ``first_batch`` do."""
    sources = build_sources(settings)
    train, validation = sources.train, sources.validation
    if validation is None and (keys := _needing_validation(settings)):
        expected = "expected validation data to measure, received none from the dataset"
        raise ConfigError([f"{key}: {expected}" for key in keys])
    source = _known(sources)
    first = first_batch(settings, train)
    racing, own = _unrepeatable(settings, train)
    if own and _is_repeatable(settings, train, first):
        own = []
    scored = None if validation is None else first_batch(settings, validation)
    if settings.evaluation.every_steps and validation and _is_pipeline(validation):
        _check_draws(settings)
    hashed = "" if racing or own else fingerprint.of_batches([first, scored])
    return Data(
        train, validation, first, scored, racing, own, Fingerprint(hashed, source), sources.test
    )


def _known(sources: Sources) -> str:
    """Return a hash of what is known of the data without reading them."""
    parts = sources.train, sources.validation
    return fingerprint.of_sources(part and part.origin for part in parts)


def _unrepeatable(settings: Settings, train: BatchSource) -> tuple[list[str], list[str]]:
    """Return what may draw random numbers in another order, or from a generator of its own.

    Call it after the first batch was read.
    """
    if _is_pipeline(train):
        racing = random_draws.racing_operations(train.origin, settings.seed)
        return racing, own_generators.holders(train.origin)
    return [], [] if hasattr(train.origin, "fingerprint") else ["dataset"]


def _is_pipeline(source: BatchSource) -> bool:
    return isinstance(source.origin, ds.Dataset)


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


def _is_repeatable(settings: Settings, source: BatchSource, first: Batch) -> bool:
    """Tell whether the first batch of a source is the same if it is read again."""
    again = first_batch(settings, source)
    return fingerprint.of_batches([again]) == fingerprint.of_batches([first])


def read_again(settings: Settings, data: Data) -> Fingerprint:
    """Return the fingerprint of the data, built and read once more."""
    parts = [part for part in (data.train, data.validation) if part is not None]
    first = fingerprint.of_batches([first_batch(settings, part) for part in parts])
    source = _known(build_sources(settings))
    return Fingerprint(first if data.fingerprint.first else "", source)


def sample(settings: Settings) -> Batch:
    """Return the first training batch; raises what the two functions that it calls do."""
    return first_batch(settings, build_sources(settings).train)


def problems(settings: Settings) -> list[str]:
    """Return the problem of a missing folder now, because the data are read last."""
    root = settings.dataset.spec().get("root")
    if root is None or (isinstance(root, str) and Path(root).expanduser().exists()):
        return []
    return [f"dataset.root: expected a folder, received {root!r}, which is not there"]

"""Adapt: a dataset of custom code becomes a map-style dataset."""

from typing import Any

from trainer.core.errors import ConfigError
from trainer.data.adapters.column_dataset import ColumnDataset
from trainer.data.adapters.kinds import is_columns, is_pipeline
from trainer.data.adapters.sample_dataset import SampleDataset
from trainer.data.adapters.values import ValueTypeError


def adapt(dataset: Any, part: str) -> Any:
    """Return a map-style dataset of (inputs..., label); pipelines and the shipped ones stay.

    Args:
        dataset: a pipeline, a list of samples, columns, or an object with ``__len__`` and
            ``__getitem__``; see ``parts``.
        part: train, validation or test, for messages.

    Raises:
        ConfigError: columns do not belong together, or rows lack an image or a label.
    """
    if is_pipeline(dataset) or type(dataset).__module__.startswith("trainer."):
        return dataset
    if is_columns(dataset):
        return ColumnDataset(dataset, part)
    try:
        return SampleDataset(dataset, part)
    except ValueTypeError as error:
        raise ConfigError([f"dataset: {part}: {error}"]) from None

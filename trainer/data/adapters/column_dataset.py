"""Column dataset: arrays with one value per sample as a map-style dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.data.adapters.kinds import describe
from trainer.data.adapters.values import ValueTypeError, as_column, as_input, as_label


class ColumnDataset:
    """Samples of (inputs..., label), each from one column.

    Attributes:
        labels: of all samples.
        classes: no names are known.
        source: the columns of inputs, and the labels.

    Args:
        columns: of one length; the last one holds the labels.
        part: train, validation or test, for messages.

    Raises:
        ConfigError: the lengths differ, or the last column holds no labels.
    """

    classes: Sequence[str] = ()

    def __init__(self, columns: Sequence[Any], part: str) -> None:
        *inputs, labels = columns
        if len({len(column) for column in columns}) > 1:
            lengths = " and ".join(str(len(column)) for column in columns)
            raise ConfigError(
                [f"dataset: expected columns of one length in {part}, received {lengths}"]
            )
        try:
            self.labels: NDArray[Any] = as_label(labels)
        except ValueTypeError:
            received = describe(labels)
            raise ConfigError(
                [f"dataset: expected numbers as the labels of {part}, received {received}"]
            ) from None
        self.source = [*map(as_column, inputs)], self.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        inputs, labels = self.source
        return (*(as_input(column[index]) for column in inputs), np.asarray(labels[index]))

"""Sample dataset: any object with ``__len__`` and ``__getitem__`` as a map-style dataset."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import BadData
from trainer.data.adapters import global_generators
from trainer.data.adapters.kinds import describe
from trainer.data.adapters.metadata import class_names, known_labels
from trainer.data.adapters.rows import image_and_label
from trainer.data.adapters.user_errors import SampleError
from trainer.data.adapters.values import as_input, as_label


class SampleDataset:
    """Samples of (inputs..., label), read from an object of custom code.

    Attributes:
        classes: their names; empty if they are not known.

    Args:
        source: its samples are tuples or lists of inputs and, last, the label; or mappings.
        part: train, validation or test, for messages.

    Raises:
        ConfigError: samples are mappings without an image and a label.
    """

    def __init__(self, source: Any, part: str) -> None:
        self._part = part
        self._columns = _columns(source)
        self._label = self._columns[-1] if self._columns else ""
        self.classes = class_names(source, self._label)
        self.source = _with_columns(source, self._columns)

    @cached_property
    def labels(self) -> NDArray[Any] | None:
        """The labels of all samples; None if they are not known without reading the samples."""
        labels = known_labels(self.source, self._label)
        if labels is None or isinstance(self.source, list):
            return labels
        ends = {0, len(self) - 1}  # an object may change labels as it reads them
        with suppress(BadData):  # whoever reads the sample reports it
            return labels if all(np.array_equal(labels[i], self[i][-1]) for i in ends) else None
        return None

    @cached_property
    def draws(self) -> bool:
        """Whether reading the samples draws from a random generator that all code shares."""
        count = len(self)
        return any(global_generators.draws(self._try, n) for n in {0, count // 2, count - 1})

    def _try(self, index: int) -> None:
        with suppress(BadData):  # whoever reads the sample reports it
            self[index]

    def read(self, index: int, generator: np.random.Generator) -> tuple[Any, ...]:
        """Return a sample whose random numbers depend on a generator alone; see ``__getitem__``."""
        if not self.draws:
            return self[index]
        with global_generators.seeded(generator):
            return self[index]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return a sample.

        Raises:
            SampleError: the custom code has raised an error.
            BadData: it has returned something else than inputs and a label.
        """
        try:
            sample = self.source[index]
        except Exception as error:
            raise SampleError(self._part, index, error) from error
        return self._unpacked(sample, index)

    def _unpacked(self, sample: Any, index: int) -> tuple[Any, ...]:
        place = f"sample {index} of {self._part}"
        values = sample if isinstance(sample, tuple | list) else ()
        if isinstance(sample, Mapping):
            columns = self._columns or image_and_label(sample)
            if missing := [name for name in columns if name not in sample]:
                names = ", ".join(map(str, sample))
                raise BadData(f"dataset: {place}: expected {missing[0]}, received {names}")
            values = [sample[name] for name in columns]
        if len(values) < 2:
            raise BadData(f"dataset: {place}: expected (image, label), received {describe(sample)}")
        try:
            return (*map(as_input, values[:-1]), as_label(values[-1]))
        except TypeError as error:
            raise BadData(f"dataset: {place}: {error}") from None


def _columns(source: Any) -> tuple[str, ...]:
    """Return the columns of the image and of the label; none if samples are tuples."""
    names = getattr(source, "column_names", None)
    if names is None and isinstance(source, list) and isinstance(source[0], Mapping):
        names = list(source[0])
    return image_and_label(names) if names is not None else ()


def _with_columns(source: Any, columns: Sequence[str]) -> Any:
    """Return a dataset of Hugging Face that decodes only what is used."""
    if columns and callable(select := getattr(source, "select_columns", None)):
        return select(list(columns))
    return source

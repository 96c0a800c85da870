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
from trainer.data.adapters.metadata import class_names, file_names, known_labels
from trainer.data.adapters.rows import image_and_label
from trainer.data.adapters.user_errors import describe_error
from trainer.data.adapters.values import ValueTypeError, as_input, as_label


class SampleDataset:
    """Samples of (inputs..., label), read from an object of custom code.

    Attributes:
        classes: their names; empty if they are not known.
        files: a path per sample; none if samples are no files.

    Args:
        source: its samples are tuples or lists of inputs and, last, the label; or mappings.
        part: train, validation or test, for messages.

    Raises:
        ValueTypeError: samples are mappings without an image and a label.
    """

    def __init__(self, source: Any, part: str) -> None:
        self._part = part
        self._columns = _columns(source)
        self._label = self._columns[-1] if self._columns else ""
        self.classes = class_names(source, self._label)
        self.source = _with_columns(source, self._columns)
        self.files = file_names(source)

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
            BadData: the custom code has raised an error, or has returned something else than inputs
                and a label.
        """
        place = f"dataset: sample {index} of {self._part}"
        try:
            values = self._values(self.source[index])
            return (*map(as_input, values[:-1]), as_label(values[-1]))
        except ValueTypeError as error:
            raise BadData(f"{place}: {error}") from None
        except Exception as error:  # of custom code
            raise BadData(f"{place}: {describe_error(error)}") from error

    def _values(self, sample: Any) -> Sequence[Any]:
        """Return the inputs of a sample and, last, its label.

        Raises:
            ValueTypeError: it is something else.
        """
        if isinstance(sample, Mapping):
            columns = self._columns or image_and_label(sample)
            if missing := [name for name in columns if name not in sample]:
                names = ", ".join(map(str, sample))
                raise ValueTypeError(f"expected {missing[0]}, received {names}")
            return [sample[name] for name in columns]
        if isinstance(sample, tuple | list) and len(sample) > 1:
            return sample
        raise ValueTypeError(f"expected (image, label), received {describe(sample)}")


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

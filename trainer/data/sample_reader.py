"""Sample reader: a sample of a map-style dataset, read, prepared and put into its batch."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.map_dataset import MapDataset, label_array
from trainer.data.sample_error import SampleError
from trainer.data.transform import Transform

_TRIES = 100  # samples that are read until one can be, if errors are skipped
_REMEDY = "a transform gives images one shape, such as transform=plain"


@dataclass(frozen=True)
class SampleReader:
    """Reads the samples of a dataset.

    Attributes:
        dataset: of (image, label), or of several inputs and, last, the label.
        transform: prepares each image; None: inputs are arrays, each of one shape.
        augments: whether images are prepared at random, for training.
        skip_errors: whether the first samples may be ones that cannot be read.
    """

    dataset: MapDataset
    transform: Transform | None = None
    augments: bool = False
    skip_errors: bool = False

    @cached_property
    def examples(self) -> list[NDArray[Any]]:
        """An array of the shape and type of each prepared input.

        Raises:
            SampleError: the first sample cannot be read, or an input is not an array.
        """
        tries = min(len(self.dataset), _TRIES) if self.skip_errors else 1
        for index in range(tries - 1):
            with suppress(SampleError):
                return self._example(index)
        return self._example(max(0, tries - 1))

    def _example(self, index: int) -> list[NDArray[Any]]:
        try:
            first, *others = _inputs(self.dataset[index])
            prepared = _array(first) if self.transform is None else self._like(self.transform)
            return [prepared, *map(_array, others)]
        except Exception as error:  # a dataset may raise anything
            raise SampleError.of(index, error, self.dataset) from error

    def _like(self, transform: Transform) -> NDArray[Any]:
        return np.empty(transform.shape, transform.dtype)

    def __call__(
        self, index: int, random: np.random.Generator, out: Sequence[NDArray[Any]]
    ) -> NDArray[Any]:
        """Write the prepared inputs of an index into arrays, and return its label.

        Raises:
            SampleError: the sample cannot be read or prepared.
        """
        try:
            sample = self._sample(index, random)
            for number, (value, place) in enumerate(zip(_inputs(sample), out, strict=True)):
                self._write(value, random, place, self.transform if number == 0 else None)
            return label_array(sample[-1])
        except Exception as error:  # a dataset may raise anything
            raise SampleError.of(index, error, self.dataset) from error

    def _sample(self, index: int, random: np.random.Generator) -> Any:
        read = getattr(self.dataset, "read", None)  # of an adapter: what it draws is seeded
        return self.dataset[index] if read is None else read(index, random)

    def _write(
        self,
        value: Any,
        random: np.random.Generator,
        out: NDArray[Any],
        transform: Transform | None,
    ) -> None:
        if transform is None:
            array = _array(value)
            if array.shape != out.shape:
                expected = f"expected samples of one shape, {out.shape} as sample 0 has"
                raise ValueError(f"{expected}, received {array.shape}; {_REMEDY}")
            out[...] = array
        elif self.augments:
            transform.train(value, random, out)
        else:
            transform.evaluate(value, out)


def _inputs(sample: Any) -> Sequence[Any]:
    if not isinstance(sample, tuple | list) or len(sample) < 2:
        raise ValueError(f"expected (image, label), received {type(sample).__name__}")
    return sample[:-1]


def _array(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"expected an array, received {type(value).__name__}; {_REMEDY}")
    return array.astype(np.float32) if array.dtype == np.float64 else array

"""Predictor: a model with all that turns files into probabilities. Needs no MindSpore."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.data.file_batches import file_batches
from trainer.data.loader import LoadedBatch
from trainer.data.transform import Transform
from trainer.losses.activation import Activation, activate

NOT_FINITE = "the model's outputs for it are not finite"
_ROUNDING = 1e-3  # by which a probability may leave 0 to 1, in half precision too


@dataclass(frozen=True)
class PredictRequest:
    """What is to be predicted.

    Attributes:
        inputs: names of files, of folders, or patterns.
        class_names: that the run has recorded.
        activation: in place of the loss's own; None: the loss determines it.
    """

    inputs: Sequence[str]
    class_names: Sequence[str] = ()
    activation: Activation | None = None


@dataclass(frozen=True)
class Predictor:
    """A model with its preparation, and what its outputs are.

    Attributes:
        forward: of a batch [``batch_size``, ...], returns the model's output.
        transform: prepares a file.
        activation: how outputs become probabilities; None: they are numbers or scores.
        class_names: of the outputs; none: they are not known.
        batch_size: samples that ``forward`` takes.
    """

    forward: Callable[[NDArray[Any]], Any]
    transform: Transform
    activation: Activation | None
    class_names: Sequence[str]
    batch_size: int

    def __call__(self, files: Sequence[Path]) -> Iterator["Prediction"]:
        """Yield the predictions for files, in their order.

        Raises:
            ConfigError: the model does not return one row of numbers for each file.
        """
        for batch in file_batches(files, self.transform, self.batch_size):
            yield from self._predictions(files, batch)

    def _predictions(self, files: Sequence[Path], batch: LoadedBatch) -> Iterator["Prediction"]:
        (inputs,), count = batch.inputs, len(batch.labels)
        rows = self._rows(inputs) if count else np.empty((0, 0))
        images = dict(zip(map(int, batch.labels), zip(inputs, rows, strict=True), strict=True))
        errors = {error.index: str(error) for error in batch.skipped}
        for index in sorted([*images, *errors]):
            if index in errors:
                yield Prediction(files[index], error=errors[index])
            else:
                prepared, values = images[index]
                problem = "" if np.isfinite(values).all() else NOT_FINITE
                yield Prediction(files[index], values, prepared, problem)

    def _rows(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probabilities, or numbers, of a batch [N, outputs]."""
        missing = self.batch_size - len(inputs)
        padded = np.concatenate([inputs, np.repeat(inputs[-1:], missing, axis=0)])
        outputs = self.forward(padded if missing else inputs)
        rows = _checked(outputs, self.batch_size)[: len(inputs)]
        values = activate(self.activation, rows.reshape(len(inputs), -1))
        if self.activation == "identity":
            _check_probabilities(values)
        return self._named(values)

    def _named(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities of all classes that have a name.

        Raises:
            ConfigError: there are as many names as the model cannot have classes.
        """
        names, outputs = len(self.class_names), rows.shape[1]
        if names == 2 and outputs == 1 and self.activation:  # the probability of the second class
            return np.concatenate([1 - rows, rows], axis=1)
        if names not in (0, outputs):
            text = f"expected a name for each of the model's {outputs} outputs, received {names}"
            raise ConfigError([f"class names: {text}"])
        return rows


@dataclass(frozen=True)
class Prediction:
    """What a model says of one file.

    Attributes:
        file: its path.
        values: probability of each class, or numbers; None: the file cannot be read.
        prepared: the file as the model gets it.
        error: why there is no prediction; empty: there is one.
    """

    file: Path
    values: NDArray[np.float64] | None = None
    prepared: NDArray[Any] | None = None
    error: str = ""


def _checked(outputs: Any, size: int) -> NDArray[Any]:
    """Return outputs that are one row of numbers for each file."""
    array = outputs if isinstance(outputs, np.ndarray) else None
    if array is not None and array.ndim in (1, 2) and len(array) == size:
        return array
    received = type(outputs).__name__ if array is None else f"outputs of shape {array.shape}"
    expected = f"expected outputs of shape ({size}, classes) for {size} files"
    raise ConfigError([f"model: {expected}, received {received}"])


def _check_probabilities(values: NDArray[np.float64]) -> None:
    """Raise ConfigError if outputs that are to be probabilities already are none."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        received = f"received outputs from {low:.6g} to {high:.6g}"
        expected = "identity expected outputs that are probabilities, 0 to 1"
        raise ConfigError([f"activation: {expected}, {received}: use softmax or sigmoid"])

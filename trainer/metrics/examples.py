"""Examples: the samples on which a model is worst, and those of which it is least sure."""

import itertools
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph.task import class_axis, ignored_label, is_classification
from trainer.losses.activation import Activation, activate
from trainer.metrics.classification import predictions

MOST = 12  # of each kind


@dataclass(frozen=True)
class Example:
    """One sample with what the model says of it.

    Attributes:
        index: of the sample in its dataset.
        label: its class.
        prediction: the predicted class.
        probability: of the predicted class.
        loss: cross-entropy, the negative logarithm of the probability of its label.
        prepared: the first input as the model gets it.
    """

    index: int
    label: int
    prediction: int
    probability: float
    loss: float
    prepared: NDArray[Any]


class Examples:
    """Keeps the worst and the least sure samples of those that it is called with.

    Args:
        loss: that the model was trained with.
        activation: how its outputs become probabilities.
        skipped: indices of samples that were left out, known before their batch comes.
    """

    def __init__(self, loss: nn.Cell, activation: Activation, skipped: Container[int] = ()) -> None:
        self._loss = loss
        self._activation = activation
        self._indices = (index for index in itertools.count() if index not in skipped)
        self.worst: Sequence[Example] = ()
        self.least_sure: Sequence[Example] = ()

    def __call__(self, batch: Batch, output: Any) -> None:
        """Look at a batch and its output; only where each sample has one class as its label."""
        label = batch[-1]
        indices = np.fromiter(itertools.islice(self._indices, len(label)), np.int64)
        if not (is_classification(output, label, self._loss) and label.ndim == 1):
            return
        scores, labels = np.moveaxis(output.asnumpy(), class_axis(self._loss), 1), label.asnumpy()
        ignored = ignored_label(self._loss)
        counted = np.flatnonzero(np.ones_like(labels) if ignored is None else labels != ignored)
        shares, classes = activate(self._activation, scores)[counted], labels[counted]
        top = np.nan_to_num(shares.max(axis=1, initial=0), nan=0.0)
        with np.errstate(divide="ignore"):
            own = -np.log(np.take_along_axis(shares, classes[:, None], 1)[:, 0])
        losses = np.nan_to_num(own, nan=np.inf, posinf=np.inf)
        answers = predictions(scores)[counted]
        images = batch[0].asnumpy()
        columns = indices[counted], classes, answers, top, losses

        def example(place: int) -> Example:
            index, label_, answer, share, loss = (column[place].item() for column in columns)
            return Example(index, label_, answer, share, loss, images[counted[place]].copy())

        self.worst = _merged(self.worst, -losses, example, lambda one: -one.loss)
        self.least_sure = _merged(self.least_sure, top, example, lambda one: one.probability)


def _merged(
    known: Sequence[Example],
    keys: NDArray[Any],
    example: Callable[[int], Example],
    key: Callable[[Example], float],
) -> list[Example]:
    """Return the examples with the lowest keys, of those that are known and of a batch."""
    lowest = np.argsort(keys, kind="stable")[:MOST]
    worst_known = key(known[-1]) if len(known) == MOST else np.inf
    new = [example(int(place)) for place in lowest if keys[place] < worst_known]
    return sorted([*known, *new], key=lambda one: (key(one), one.index))[:MOST]


def rows(
    examples: Sequence[Example], names: Sequence[str], files: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return a record for each example, with names and file where they are known."""
    return [
        {
            "index": one.index,
            **({"file": str(files[one.index])} if one.index < len(files) else {}),
            "label": one.label,
            "prediction": one.prediction,
            **_names(one, names),
            "probability": one.probability,
            "loss": one.loss,
        }
        for one in examples
    ]


def _names(one: Example, names: Sequence[str]) -> dict[str, str]:
    numbers = {"label_name": one.label, "prediction_name": one.prediction}
    return {key: names[at] for key, at in numbers.items() if 0 <= at < len(names)}

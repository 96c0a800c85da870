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
_HALF = 0.5  # the probability from which a label counts as given


@dataclass(frozen=True)
class Example:
    """One sample with what the model says of it.

    Attributes:
        index: of the sample in its dataset.
        labels: its class, or all of its labels.
        predictions: the predicted class, or the labels whose probability is at least one half.
        has_several: whether each label is true or not by itself.
        probability: of the predicted class; of several labels, the mean of how sure each is.
        loss: cross-entropy, the negative logarithm of the probability of its label; of several
            labels, the mean.
        prepared: the first input as the model gets it.
    """

    index: int
    labels: tuple[int, ...]
    predictions: tuple[int, ...]
    has_several: bool
    probability: float
    loss: float
    prepared: NDArray[Any]


@dataclass(frozen=True)
class _Columns:
    """The samples of a batch that count: their places in it, and a value of each."""

    places: NDArray[Any]
    labels: NDArray[Any]  # [n] classes, or [n, labels] of truth
    predictions: NDArray[Any]
    sureness: NDArray[Any]
    losses: NDArray[Any]

    def example(self, at: int, indices: NDArray[Any], images: NDArray[Any]) -> Example:
        """Return the example of a row."""
        place, has_several = self.places[at], self.labels.ndim == 2
        labels, predictions = (
            tuple(np.flatnonzero(rows[at]).tolist()) if has_several else (int(rows[at]),)
            for rows in (self.labels, self.predictions)
        )
        numbers = float(self.sureness[at]), float(self.losses[at])
        index = int(indices[place])
        return Example(index, labels, predictions, has_several, *numbers, images[place].copy())


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
        """Look at a batch and its output; only where each sample has one class, or labels."""
        label = batch[-1]
        indices = np.fromiter(itertools.islice(self._indices, len(label)), np.int64)
        if is_classification(output, label, self._loss) and label.ndim == 1:
            columns = self._classes(output.asnumpy(), label.asnumpy())
        elif self._activation == "sigmoid" and label.ndim == 2 and label.shape == output.shape:
            columns = _labels(activate("sigmoid", output.asnumpy()), label.asnumpy())
        else:
            return
        images = batch[0].asnumpy()

        def example(at: int) -> Example:
            return columns.example(at, indices, images)

        self.worst = _merged(self.worst, -columns.losses, example, lambda one: -one.loss)
        lowest = columns.sureness, example, lambda one: one.probability
        self.least_sure = _merged(self.least_sure, *lowest)

    def _classes(self, output: NDArray[Any], labels: NDArray[Any]) -> _Columns:
        scores, ignored = np.moveaxis(output, class_axis(self._loss), 1), ignored_label(self._loss)
        is_counted = np.ones(len(labels), bool) if ignored is None else labels != ignored
        places = np.flatnonzero(is_counted)
        shares, classes = activate(self._activation, scores)[places], labels[places]
        top = np.nan_to_num(shares.max(axis=1, initial=0), nan=0.0)
        losses = _entropy(np.take_along_axis(shares, classes[:, None], 1)[:, 0])
        return _Columns(places, classes, predictions(scores)[places], top, losses)


def _labels(shares: NDArray[Any], labels: NDArray[Any]) -> _Columns:
    answers = shares >= _HALF
    sureness = np.nan_to_num(np.where(answers, shares, 1 - shares), nan=0.0).mean(axis=1)
    losses = labels * _entropy(shares) + (1 - labels) * _entropy(1 - shares)
    losses = np.nan_to_num(losses, nan=np.inf, posinf=np.inf).mean(axis=1)
    return _Columns(np.arange(len(labels)), labels >= _HALF, answers, sureness, losses)


def _entropy(shares: NDArray[Any]) -> NDArray[Any]:
    """Return the negative logarithm of probabilities, infinite for those that are not known."""
    with np.errstate(divide="ignore"):
        return np.nan_to_num(-np.log(shares), nan=np.inf, posinf=np.inf)


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
            **_classes(one, names),
            "probability": one.probability,
            "loss": one.loss,
        }
        for one in examples
    ]


def _classes(one: Example, names: Sequence[str]) -> dict[str, Any]:
    """Return label and prediction by number and name; lists of them where there are several."""
    record: dict[str, Any] = {}
    for key, numbers in (("label", one.labels), ("prediction", one.predictions)):
        known = [names[at] for at in numbers if 0 <= at < len(names)]
        if one.has_several:
            record |= {f"{key}s": list(numbers), f"{key}_names": known}
        else:
            record |= {key: numbers[0]} | ({f"{key}_name": known[0]} if known else {})
    return record

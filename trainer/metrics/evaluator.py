"""Evaluator: loss, accuracy and other metrics over a pipeline."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend import finite
from trainer.backend.batch_types import Batch
from trainer.backend.graph.task import is_classification, label_problem
from trainer.core.errors import BadData
from trainer.distributed.world import World
from trainer.metrics.build_metrics import Metric, compute
from trainer.metrics.classification import predictions

log = logging.getLogger(__name__)

BatchObserver = Callable[[NDArray[Any], NDArray[Any]], None]
# Summed loss, samples, correct predictions, labels.
_Counts = tuple[float, int, int, int]


@dataclass(frozen=True)
class Score:
    """How well a model does on the validation data.

    Attributes:
        loss: mean over all samples.
        accuracy: share of correct predictions; None: the labels are no classes.
        samples: how many there were; 0: there are no validation data, and nothing was measured.
        metrics: the other metrics, by name.
    """

    loss: float
    accuracy: float | None
    samples: int
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether there were validation data."""
        return self.samples > 0


NOT_MEASURED = Score(math.nan, None, 0)


class Evaluator:
    """A model's evaluation; the compiled graphs are kept from one call to the next.

    Args:
        net: the model; each call leaves it in inference mode.
        loss: a cell of (output, label) that returns the mean over the batch.
        world: the ranks among which the batches are dealt out, one by one.
        forward: the model, called in another way.
    """

    def __init__(
        self,
        net: nn.Cell,
        loss: nn.Cell,
        world: World | None = None,
        forward: Callable[..., Any] | None = None,
    ) -> None:
        self.net = net
        self.loss = loss
        self.world = world or World()
        self.forward = forward or net
        self._has_warned = False

    def __call__(
        self,
        batches: Iterable[Batch],
        observe: BatchObserver | None = None,
        metrics: Mapping[str, Metric] | None = None,
    ) -> Score:
        """Return the score over all batches; the last one may be smaller.

        Args:
            batches: inputs and, last, the label.
            observe: is called with each batch's scores [N, classes, ...] and labels [N, ...], if
                labels are classes.
            metrics: by name; with metrics, each rank evaluates all batches, because a metric is
                computed over the whole set at once.

        Raises:
            BadData: a label is no class; on all ranks.
        """
        self.net.set_train(False)
        world = World() if metrics else self.world
        columns: list[tuple[Any, NDArray[Any]]] | None = [] if metrics else None
        results, problem = self._evaluate(batches, world, observe, columns)
        gathered = world.gather([results, problem])
        if problems := [text for _, text in gathered if text]:
            raise BadData(problems[0])  # on all ranks, which would wait for one another
        return _score([counts for counts, _ in gathered], compute(metrics or {}, columns or []))

    def _evaluate(
        self,
        batches: Iterable[Batch],
        world: World,
        observe: BatchObserver | None,
        columns: list[tuple[Any, NDArray[Any]]] | None,
    ) -> tuple[list[_Counts], str]:
        """Return what this rank counted, and what is wrong with a batch; empty: nothing.

        Outputs and labels are appended to the columns.
        """
        results: list[_Counts] = []
        full = 0
        for number, (*inputs, label) in enumerate(batches):
            full = max(full, label.shape[0])
            if number % world.world_size != world.rank:
                continue
            output = self._output(inputs, label.shape[0], full)
            if problem := _label_problem(output, label):
                return results, problem
            results.append(self._counts(output, label, observe))
            self._warn(results[-1], (*inputs, label), number)
            if columns is not None:
                columns.append((_array(output), label.asnumpy()))
        return results, ""

    def start_run(self) -> None:
        """Forget what an earlier run was warned of."""
        self._has_warned = False

    def _warn(self, counts: _Counts, batch: Batch, number: int) -> None:
        """Warn once of a loss that is not finite, and say whether the inputs are."""
        if math.isfinite(counts[0]) or self._has_warned:
            return
        self._has_warned = True
        largest = finite.largest_value(batch)
        cause = finite.non_finite_columns(batch) or (
            f"the inputs are finite, at most {largest:.3g} in magnitude, so it is the weights"
        )
        log.warning("warning: the loss of validation batch %d is not finite: %s", number + 1, cause)

    def _output(self, inputs: Batch, size: int, full: int) -> Any:
        """Return the output for a batch, which is padded to a full one for the model."""
        return _first(self.forward(*(_pad(column, size, full) for column in inputs)), size)

    def _counts(self, output: Any, label: Tensor, observe: BatchObserver | None) -> _Counts:
        """Return a batch's summed loss, its samples, its correct predictions, and its labels."""
        size = label.shape[0]
        total = float(self.loss(output, label).asnumpy()) * size
        if not is_classification(output, label):
            return total, size, 0, 0
        scores, labels = output.asnumpy(), label.asnumpy()
        if observe:
            observe(scores, labels)
        return total, size, int((predictions(scores) == labels).sum()), label.size


def _array(output: Any) -> Any:
    """Return the array of a tensor; several tensors are left as they are."""
    return output.asnumpy() if isinstance(output, Tensor) else output


def _label_problem(output: Any, label: Tensor) -> str:
    if not is_classification(output, label):
        return ""
    problem = label_problem(label.asnumpy(), output.shape[1])
    return f"dataset: validation data: {problem}" if problem else ""


def _score(parts: Sequence[Sequence[_Counts]], metrics: Mapping[str, float]) -> Score:
    """Return the score of batches dealt out to ranks one by one, summed in their order."""
    dealt = (part for row in zip_longest(*parts) for part in row if part is not None)
    total, samples, correct, labels, classes = 0.0, 0, 0, 0, True
    for loss, size, hits, count in dealt:
        total, samples = total + loss, samples + size
        correct, labels, classes = correct + hits, labels + count, classes and count > 0
    return Score(total / samples, correct / labels if classes else None, samples, metrics)


def _pad(column: Tensor, size: int, full: int) -> Tensor:
    """Repeat the last sample up to a full batch: a smaller one would be compiled for itself."""
    if size == full or column.shape[0] != size:
        return column
    array = column.asnumpy()
    return Tensor(np.concatenate([array, np.repeat(array[-1:], full - size, axis=0)]))


def _first(output: Any, size: int) -> Any:
    """Return the first samples of an output, which may be several tensors."""
    return tuple(_first(o, size) for o in output) if isinstance(output, tuple) else output[:size]

"""Evaluator: loss, accuracy and other metrics over a pipeline."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend import execution_mode, non_finite
from trainer.backend.batch_types import Batch
from trainer.backend.compile import compile_errors
from trainer.backend.padded_batch import padded_output
from trainer.core.errors import BadData
from trainer.distributed.world import World
from trainer.losses.total_weight import total_weight
from trainer.metrics import gathered_arrays
from trainer.metrics.build_metrics import Metric, compute
from trainer.metrics.classification import predictions
from trainer.metrics.counted_labels import counted_labels, label_problem
from trainer.metrics.tta import averaged_over_flips

log = logging.getLogger(__name__)

BatchObserver = Callable[[NDArray[Any], NDArray[Any]], None]
OutputObserver = Callable[[Batch, Any], None]
# Weighted sum of the loss, its weight, samples, correct predictions, labels; no labels: no classes.
_Counts = tuple[float, float, int, int, int | None]


@dataclass(frozen=True)
class Score:
    """How well a model does on the validation data.

    Attributes:
        loss: the mean over all data, each weighted as the loss does.
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


class _WeightedLoss(nn.Cell):
    """A loss with the total weight of its mean, in one graph."""

    def __init__(self, loss: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.loss = loss

    def construct(self, output: Any, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean over a batch, and its weight."""
        return self.loss(output, label), total_weight(self.loss, output, label)


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
        self.forward = forward or execution_mode.executable(net)
        self._weighted_loss = compile_errors.reported(_WeightedLoss(loss))
        self._has_warned = False

    def __call__(
        self,
        batches: Iterable[Batch | None],
        observe: BatchObserver | None = None,
        metrics: Mapping[str, Metric] | None = None,
        tta: str | None = None,
        on_output: OutputObserver | None = None,
    ) -> Score:
        """Return the score over all batches; the last one may be smaller.

        Args:
            batches: inputs and, last, the label; None may stand for one of another rank.
            observe: is called with scores [N, classes, ...] and labels [N, ...] of each of this
                rank's batches, if labels are classes; without the labels that do not count.
            metrics: by name; each rank computes them from the outputs of all.
            tta: ``hflip`` averages outputs over images and their mirror images; None: nothing.
            on_output: is called with each of this rank's batches and the model's output for it.

        Raises:
            BadData: a label is no class, or none of all labels counts; on all ranks.
        """
        self.net.set_train(False)
        columns: list[gathered_arrays.Columns] | None = [] if metrics else None
        forward = averaged_over_flips(self.forward) if tta else self.forward
        results, problem = self._evaluate(batches, forward, observe, columns, on_output)
        gathered = self.world.gather([results, problem])
        if problems := [text for _, text in gathered if text]:
            raise BadData(problems[0])  # on all ranks, which would wait for one another
        everything = gathered_arrays.gather(columns or [], self.world)
        return _score([counts for counts, _ in gathered], compute(metrics or {}, everything))

    def _evaluate(
        self,
        batches: Iterable[Batch | None],
        forward: Callable[..., Any],
        observe: BatchObserver | None,
        columns: list[gathered_arrays.Columns] | None,
        on_output: OutputObserver | None,
    ) -> tuple[list[_Counts], str]:
        """Return what this rank counted, and what is wrong with a batch; empty: nothing.

        Outputs and labels are appended to the columns.
        """
        results: list[_Counts] = []
        full = 0
        for number, batch in enumerate(batches):
            if batch is None:
                continue
            *inputs, label = batch
            full = max(full, label.shape[0])
            if number % self.world.world_size != self.world.rank:
                continue
            output = padded_output(forward, inputs, label.shape[0], full)
            if problem := label_problem(self.loss, output, label):
                return results, f"dataset: validation data: {problem}"
            results.append(self._counts(output, label, observe, columns))
            self._warn(results[-1], (*inputs, label), number)
            if on_output:
                on_output(batch, output)
        return results, ""

    def start_run(self) -> None:
        """Forget what an earlier run was warned of."""
        self._has_warned = False

    def _warn(self, counts: _Counts, batch: Batch, number: int) -> None:
        """Warn once of a loss that is not finite, and say whether the inputs are."""
        if math.isfinite(counts[0]) or self._has_warned:
            return
        self._has_warned = True
        largest = non_finite.largest_value(batch)
        cause = non_finite.non_finite_columns(batch) or (
            f"the inputs are finite, at most {largest:.3g} in magnitude, so it is the weights"
        )
        log.warning("warning: the loss of validation batch %d is not finite: %s", number + 1, cause)

    def _counts(
        self,
        output: Any,
        label: Tensor,
        observe: BatchObserver | None,
        columns: list[gathered_arrays.Columns] | None,
    ) -> _Counts:
        """Return what a batch adds to the score; append its arrays to the columns."""
        loss, weight = (float(value.asnumpy()) for value in self._weighted_loss(output, label))
        total = loss * weight if weight else 0.0  # the mean of nothing may be NaN
        counted = counted_labels(self.loss, output, label)
        if columns is not None:
            columns.append(counted or (_array(output), label.asnumpy()))
        if counted is None:
            return total, weight, label.shape[0], 0, None
        scores, labels = counted
        if observe:
            observe(scores, labels)
        correct = int((predictions(scores) == labels).sum())
        return total, weight, label.shape[0], correct, labels.size


def _array(output: Any) -> Any:
    """Return the array of a tensor; several tensors are left as they are."""
    return output.asnumpy() if isinstance(output, Tensor) else output


def _score(parts: Sequence[Sequence[_Counts]], metrics: Mapping[str, float]) -> Score:
    """Return the score of batches dealt out to ranks one by one, summed in their order."""
    dealt = [part for row in zip_longest(*parts) for part in row if part is not None]
    losses, weights, samples, correct, labels = zip(*dealt, strict=True)
    if not (total := math.fsum(weights)):
        expected = "expected labels that count, received none"
        raise BadData(f"dataset: validation data: {expected}; see loss.ignore_index")
    loss = sum(losses) / total
    if None in labels:
        return Score(loss, None, sum(samples), metrics)
    return Score(loss, sum(correct) / sum(labels), sum(samples), metrics)

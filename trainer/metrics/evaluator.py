"""Score: loss and accuracy over a pipeline."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Batch
from trainer.backend.graph.task import is_classification
from trainer.distributed.world import World

BatchObserver = Callable[[NDArray[Any], NDArray[Any]], None]


@dataclass(frozen=True)
class Score:
    """Mean loss over all samples, and the share of right answers (None: labels are no classes)."""

    loss: float
    accuracy: float | None
    samples: int


class Evaluator:
    """A net's evaluation; the compiled graphs are kept from one call to the next.

    Args:
        net: the net; each call leaves it in inference mode.
        loss: a cell of (output, label) that gives the mean over the batch.
        world: the ranks that share the batches out among them, one by one.
        forward: the net, called in another way.
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

    def __call__(self, batches: Iterable[Batch], seen: BatchObserver | None = None) -> Score:
        """Return the score over all batches; the last one may be smaller.

        Args:
            batches: inputs and, last, the label.
            seen: hears of each batch's scores [N, classes, ...] and labels [N, ...], if labels are
                classes.
        """
        self.net.set_train(False)
        own: list[tuple[float, int, int, int]] = []
        full = 0
        for number, (*inputs, label) in enumerate(batches):
            full = max(full, label.shape[0])
            if number % self.world.world_size == self.world.rank:
                own.append(self._part(inputs, label, full, seen))
        return _score(self.world.gather(own))

    def _part(
        self, inputs: Batch, label: Tensor, full: int, seen: BatchObserver | None
    ) -> tuple[float, int, int, int]:
        """Return a batch's summed loss, its samples, and its answers right and asked for."""
        size = label.shape[0]
        output = _first(self.forward(*(_pad(column, size, full) for column in inputs)), size)
        total = float(self.loss(output, label).asnumpy()) * size
        if not is_classification(output, label):
            return total, size, 0, 0
        scores, labels = output.asnumpy(), label.asnumpy()
        if seen:
            seen(scores, labels)
        return total, size, int((scores.argmax(axis=1) == labels).sum()), label.size


def _score(parts: Sequence[Sequence[tuple[float, int, int, int]]]) -> Score:
    """Return the score of batches dealt out to ranks one by one, summed in their order."""
    dealt = (part for row in zip_longest(*parts) for part in row if part is not None)
    total, count, right, asked, classes = 0.0, 0, 0, 0, True
    for loss, size, hits, answers in dealt:
        total, count = total + loss, count + size
        right, asked, classes = right + hits, asked + answers, classes and answers > 0
    return Score(total / count, right / asked if classes else None, count)


def _pad(column: Tensor, size: int, full: int) -> Tensor:
    """Repeat the last sample up to a full batch: a smaller one would be compiled for itself."""
    if size == full or column.shape[0] != size:
        return column
    array = column.asnumpy()
    return Tensor(np.concatenate([array, np.repeat(array[-1:], full - size, axis=0)]))


def _first(output: Any, size: int) -> Any:
    """Return the first samples of an output, which may be several tensors."""
    return tuple(_first(o, size) for o in output) if isinstance(output, tuple) else output[:size]

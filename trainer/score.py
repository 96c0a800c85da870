"""Score: loss and accuracy over a pipeline."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.data import Batch

Seen = Callable[[NDArray[Any], NDArray[Any]], None]


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
    """

    def __init__(self, net: nn.Cell, loss: nn.Cell) -> None:
        self.net = net
        self.loss = loss

    def __call__(self, batches: Iterable[Batch], seen: Seen | None = None) -> Score:
        """Return the score over all batches; the last one may be smaller.

        Args:
            batches: inputs and, last, the label.
            seen: hears of each batch's scores [N, classes, ...] and labels [N, ...], if labels are
                classes.
        """
        self.net.set_train(False)
        total, right, asked, count, full = 0.0, 0, 0, 0, 0
        classes = True
        for *inputs, label in batches:
            size = label.shape[0]
            full = max(full, size)
            output = _first(self.net(*(_pad(column, size, full) for column in inputs)), size)
            total += float(self.loss(output, label).asnumpy()) * size
            count += size
            classes = classes and is_classification(output, label)
            if classes:
                scores, labels = output.asnumpy(), label.asnumpy()
                right += int((scores.argmax(axis=1) == labels).sum())
                asked += label.size
                if seen:
                    seen(scores, labels)
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


def is_classification(output: Any, label: Tensor) -> bool:
    """Tell whether labels are class numbers for scores of shape [N, classes, ...]."""
    if not isinstance(output, Tensor):
        return False
    return output.ndim == label.ndim + 1 and label.dtype in {ms.int32, ms.int64}

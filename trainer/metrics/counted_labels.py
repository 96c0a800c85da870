"""Counted labels: a batch's scores and class numbers, without the labels that do not count."""

from typing import Any

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend.graph import task
from trainer.backend.graph.task import class_axis, ignored_label, is_classification


def counted_labels(
    loss: nn.Cell, output: Any, label: Tensor
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return scores [N, classes, ...] and labels [N, ...]; None: labels are no classes.

    If the loss ignores a label, those that count are returned one by one, as [n, classes] and [n].
    """
    if not is_classification(output, label, loss):
        return None
    scores, labels = np.moveaxis(output.asnumpy(), class_axis(loss), 1), label.asnumpy()
    ignored = ignored_label(loss)
    if ignored is None:
        return scores, labels
    counted = labels != ignored
    return np.moveaxis(scores, 1, -1)[counted], labels[counted]


def label_problem(loss: nn.Cell, output: Any, label: Tensor) -> str:
    """Return what is wrong with labels; empty: nothing, or they are no classes."""
    if not is_classification(output, label, loss):
        return ""
    classes = output.shape[class_axis(loss)]
    return task.label_problem(label.asnumpy(), classes, ignored_label(loss))

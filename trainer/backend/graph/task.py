"""Task: what a model is trained for, as its loss, its outputs and its labels show."""

from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

CLASSIFICATION, MULTILABEL = "classification", "multilabel"
_MOST = 5  # wrong labels that a message lists


def tasks(loss: nn.Cell) -> tuple[str, ...]:
    """Return the tasks that a loss is for, of which it names one or more; empty: not known."""
    return tuple(getattr(loss, "tasks", ()))


def class_axis(loss: nn.Cell) -> int:
    """Return the axis of the outputs along which the classes lie."""
    return int(getattr(loss, "class_axis", 1))


def class_axis_problem(output: Any, label: Tensor, loss: nn.Cell) -> str:
    """Return that the outputs lack the axis of a loss's classes; empty: they have it.

    A loss with a label for each output has no need of its default axis.
    """
    if not isinstance(output, Tensor) or not hasattr(loss, "class_axis"):
        return ""
    axis, axes = class_axis(loss), output.ndim
    if -axes <= axis < axes or (axis == 1 and task(output, label, loss) == MULTILABEL):
        return ""
    bounds = f"{-axes} to {axes - 1} for outputs of {axes} {'axis' if axes == 1 else 'axes'}"
    return f"loss.class_axis: expected {bounds}, received {axis}"


def ignored_label(loss: nn.Cell) -> int | None:
    """Return the class number that does not count; None: all labels do.

    It is the ``ignore_index`` of a loss with a ``total_weight`` of its own. That of MindSpore's
    cross-entropy is a number that nobody has chosen.
    """
    return getattr(loss, "ignore_index", None) if hasattr(loss, "total_weight") else None


def is_classification(output: Any, label: Tensor, loss: nn.Cell | None = None) -> bool:
    """Tell whether labels are class numbers for scores of shape [N, classes, ...].

    Args:
        output: the model's.
        label: of the same samples.
        loss: it may be for other tasks only; None: it is not known.
    """
    if not isinstance(output, Tensor):
        return False
    if loss is not None and CLASSIFICATION not in (tasks(loss) or (CLASSIFICATION,)):
        return False
    return output.ndim == label.ndim + 1 and label.dtype in {ms.int32, ms.int64}


def task(output: Any, label: Tensor, loss: nn.Cell) -> str | None:
    """Return the task; None: it is not known."""
    if is_classification(output, label, loss):
        return CLASSIFICATION
    others = [name for name in tasks(loss) if name != CLASSIFICATION]
    return others[0] if len(others) == 1 else None


def share_problem(labels: NDArray[Any]) -> str:
    """Return what is wrong with labels of 0 to 1 for each output; empty: nothing."""
    if labels.size == 0 or not (labels.min() < 0 or labels.max() > 1):
        return ""
    received = f"{labels.min():.6g} to {labels.max():.6g}"
    return f"expected labels of 0 to 1 for each output, received {received}"


def label_problem(labels: NDArray[Any], classes: int, ignored: int | None = None) -> str:
    """Return what is wrong with labels that are class numbers; empty: nothing.

    A kernel of MindSpore 2.10 takes -1 for the last class without a word, and ends with an error
    that names no label for one that is too large.

    Args:
        labels: [N, ...].
        classes: number of classes; labels are 0 to ``classes`` - 1.
        ignored: another number that may stand for a label; None: there is none.
    """
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < classes):
        return ""
    is_wrong = (labels < 0) | (labels >= classes)
    wrong = np.argwhere(is_wrong if ignored is None else is_wrong & (labels != ignored))
    if not wrong.size:
        return ""
    values = sorted({int(labels[tuple(at)]) for at in wrong})
    listed = ", ".join(map(str, values[:_MOST])) + (", ..." if len(values) > _MOST else "")
    first = int(wrong[0][0])
    return (
        f"expected labels of 0 to {classes - 1}, the model's {classes} classes, received {listed} "
        f"(first at sample {first} of the batch)"
    )

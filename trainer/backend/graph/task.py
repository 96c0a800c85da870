"""Task: what a model is trained for, as its outputs and labels show."""

from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor
from numpy.typing import NDArray

_MOST = 5  # wrong labels that a message lists


def is_classification(output: Any, label: Tensor) -> bool:
    """Tell whether labels are class numbers for scores of shape [N, classes, ...]."""
    if not isinstance(output, Tensor):
        return False
    return output.ndim == label.ndim + 1 and label.dtype in {ms.int32, ms.int64}


def label_problem(labels: NDArray[Any], classes: int) -> str:
    """Return what is wrong with labels that are class numbers; empty: nothing.

    A kernel of MindSpore 2.10 takes -1 for the last class without a word, and ends with an error
    that names no label for one that is too large.

    Args:
        labels: [N, ...].
        classes: number of classes; labels are 0 to ``classes`` - 1.
    """
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < classes):
        return ""
    wrong = np.argwhere((labels < 0) | (labels >= classes))
    values = sorted({int(labels[tuple(at)]) for at in wrong})
    listed = ", ".join(map(str, values[:_MOST])) + (", ..." if len(values) > _MOST else "")
    first = int(wrong[0][0])
    return (
        f"expected labels of 0 to {classes - 1}, the model's {classes} classes, received {listed} "
        f"(first at sample {first} of the batch)"
    )

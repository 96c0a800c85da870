"""Classification metrics, as scikit-learn defines them.

A metric is a function that returns a number for the scores and labels of the whole validation set.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_CLASS = -1


def predictions(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class with the highest score, and ``NO_CLASS`` where a score is NaN.

    ``argmax`` takes NaN for the highest score, so that a model that returns nothing but NaN would
    predict class 0, and be right for all samples of that class.

    Args:
        scores: class scores, [N, classes, ...].
    """
    return np.where(np.isnan(scores).any(axis=1), NO_CLASS, scores.argmax(axis=1))


def _checked(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected class numbers as labels, received {labels.dtype}")
    return labels.ravel()


def f1(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the macro F1 score.

    Args:
        scores: class scores, [N, classes, ...].
        labels: class numbers, [N, ...].
    """
    from sklearn.metrics import f1_score

    return float(f1_score(_checked(labels), predictions(scores).ravel(), average="macro"))


def balanced_accuracy(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the mean recall; the arguments are those of ``f1``."""
    from sklearn.metrics import recall_score

    classes = np.unique(labels)
    predicted = predictions(scores).ravel()
    return float(recall_score(_checked(labels), predicted, labels=classes, average="macro"))

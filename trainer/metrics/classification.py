"""Classification metrics of predictions, as scikit-learn defines them.

A metric is a function that returns a number for the scores and labels of the whole validation set.
Labels are class numbers for scores [N, classes, ...]; or each output has its own label of 0 or 1,
and the output is a logit, so that above 0 it predicts 1.

With ``average=None``, a metric of classes returns a number for each of them, NaN for a class of
which it has none.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.tasks import for_tasks

NO_CLASS = -1

Array = NDArray[Any]


def predictions(scores: Array) -> NDArray[np.int64]:
    """Return the class with the highest score, and ``NO_CLASS`` where a score is NaN.

    ``argmax`` takes NaN for the highest score, so that a model that returns nothing but NaN would
    predict class 0, and be right for all samples of that class.

    Args:
        scores: class scores, [N, classes, ...].
    """
    return np.where(np.isnan(scores).any(axis=1), NO_CLASS, scores.argmax(axis=1))


def labels_and_predictions(scores: Array, labels: Array) -> tuple[Array, Array]:
    """Return class numbers [n] and predicted ones; or labels [n, classes] of 0 and 1 each."""
    if scores.shape == labels.shape:
        width = labels.shape[-1] if labels.ndim > 1 else 1
        rows, predicted = labels.reshape(-1, width), (scores > 0).reshape(-1, width)
        if (others := rows[~np.isin(rows, (0, 1))]).size:
            raise ValueError(f"expected labels of 0 or 1 for each output, received {others[0]:.6g}")
        return rows.astype(np.int64), predicted.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected class numbers as labels, received {labels.dtype}")
    return labels.ravel(), predictions(scores).ravel()


@for_tasks("classification", "multilabel")
def accuracy(scores: Array, labels: Array) -> float:
    """Return the share of samples whose prediction is right; of several labels, if all are."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(*labels_and_predictions(scores, labels)))


@for_tasks("classification", more_classes_than="k")
def top_k(scores: Array, labels: Array, k: int) -> float:
    """Return the share of samples whose class is among the ``k`` highest scores."""
    from sklearn.metrics import top_k_accuracy_score

    classes = scores.shape[1]
    if classes <= k:
        raise ValueError(f"expected more than {k} classes, received {classes}")
    rows, (numbers, _) = np.moveaxis(scores, 1, -1), labels_and_predictions(scores, labels)
    rows = rows.reshape(-1, classes)
    known = ~np.isnan(rows).any(axis=1)
    if not known.any():
        return 0.0
    parts = numbers[known], np.nan_to_num(rows[known])
    right = top_k_accuracy_score(*parts, k=k, labels=np.arange(classes), normalize=False)
    return float(right) / len(numbers)


@for_tasks("classification", "multilabel")
def f1(scores: Array, labels: Array, average: str | None = "macro") -> Any:
    """Return the F1 score, averaged over the classes that occur in labels or predictions."""
    from sklearn.metrics import f1_score

    return _by_class(f1_score, scores, labels, average)


@for_tasks("classification", "multilabel")
def precision(scores: Array, labels: Array, average: str | None = "macro") -> Any:
    """Return the precision; the average is that of ``f1``."""
    from sklearn.metrics import precision_score

    return _by_class(precision_score, scores, labels, average)


@for_tasks("classification", "multilabel")
def recall(scores: Array, labels: Array, average: str | None = "macro") -> Any:
    """Return the recall; the average is that of ``f1``."""
    from sklearn.metrics import recall_score

    return _by_class(recall_score, scores, labels, average)


@for_tasks("classification")
def balanced_accuracy(scores: Array, labels: Array) -> float:
    """Return the mean recall over the classes that occur in the labels."""
    from sklearn.metrics import recall_score

    numbers, predicted = labels_and_predictions(scores, labels)
    return float(recall_score(numbers, predicted, labels=np.unique(numbers), average="macro"))


def _by_class(metric: Any, scores: Array, labels: Array, average: str | None) -> Any:
    """Return the average of a metric of scikit-learn, or its value for each class."""
    pair = labels_and_predictions(scores, labels)
    if average is not None:
        occurring = None if pair[0].ndim > 1 else np.setdiff1d(np.union1d(*pair), [NO_CLASS])
        return float(metric(*pair, labels=occurring, average=average, zero_division=0))
    classes = np.arange(scores.shape[-1 if scores.shape == labels.shape else 1])
    return metric(*pair, labels=classes, average=None, zero_division=np.nan)

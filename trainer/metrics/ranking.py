"""Classification metrics of scores, as scikit-learn defines them: how well they rank the samples.

Scores are logits. Of class numbers, each class is ranked against all others by its probability.
See ``classification`` for scores, labels and ``average``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.classification import labels_and_predictions
from trainer.metrics.tasks import for_tasks

Array = NDArray[Any]


@for_tasks("classification", "multilabel")
def auroc(scores: Array, labels: Array, average: str | None = "macro") -> Any:
    """Return the area under the ROC curve; NaN where a class has no sample or all of them."""
    from sklearn.metrics import roc_auc_score

    return _ranked(roc_auc_score, scores, labels, average)


@for_tasks("classification", "multilabel")
def average_precision(scores: Array, labels: Array, average: str | None = "macro") -> Any:
    """Return the average precision; 0 for a class without a sample."""
    from sklearn.metrics import average_precision_score

    return _ranked(average_precision_score, scores, labels, average)


def _ranked(metric: Any, scores: Array, labels: Array, average: str | None) -> Any:
    """Return a metric of scikit-learn; NaN if a score is NaN, which has no rank."""
    rows, hot = _ranks_and_labels(scores, labels)
    classes = rows.shape[1]
    if np.isnan(rows).any():
        return np.full(classes, np.nan) if average is None else float("nan")
    if scores.shape != labels.shape and classes == 2 and average == "macro":
        rows, hot = rows[:, 1], hot[:, 1]  # scikit-learn ranks two classes by the second
    value = _without_warning(metric, hot, rows, average)
    return np.atleast_1d(value) if average is None else float(value)


def _without_warning(metric: Any, hot: Array, rows: Array, average: str | None) -> Any:
    import warnings

    from sklearn.exceptions import UndefinedMetricWarning

    with warnings.catch_warnings():  # the value says it: NaN or 0
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "No positive class found", UserWarning)
        return metric(hot, rows, average=average)


def _ranks_and_labels(scores: Array, labels: Array) -> tuple[Array, Array]:
    """Return numbers that rank the samples of each class, and labels of 0 and 1, [n, classes]."""
    from scipy.special import logsumexp

    numbers, _ = labels_and_predictions(scores, labels)
    if scores.shape == labels.shape:
        return scores.reshape(numbers.shape).astype(np.float64), numbers
    rows = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1]).astype(np.float64)
    ranks = rows - logsumexp(rows, axis=1, keepdims=True)  # the logarithm keeps small ones apart
    return ranks, (numbers[:, None] == np.arange(rows.shape[1])).astype(np.int64)

"""Classification metrics, as scikit-learn defines them.

A metric is a function that returns a number for the scores and labels of the whole validation set.
"""

from typing import Any

from numpy.typing import NDArray


def f1(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the macro F1 score.

    Args:
        scores: class scores, [N, classes, ...].
        labels: class numbers, [N, ...].
    """
    from sklearn.metrics import f1_score

    predictions = scores.argmax(axis=1).ravel()
    return float(f1_score(labels.ravel(), predictions, average="macro"))


def balanced_accuracy(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the mean recall; the arguments are those of ``f1``."""
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(labels.ravel(), scores.argmax(axis=1).ravel()))

"""Regression metrics, as scikit-learn defines them: outputs and labels have the same shape.

A NaN among the outputs makes the value NaN.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.tasks import for_tasks

Array = NDArray[Any]


@for_tasks("regression")
def mae(outputs: Array, labels: Array) -> float:
    """Return the mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return _value(mean_absolute_error, outputs, labels)


@for_tasks("regression")
def rmse(outputs: Array, labels: Array) -> float:
    """Return the root of the mean squared error, of several outputs the mean of their roots."""
    from sklearn.metrics import root_mean_squared_error

    return _value(root_mean_squared_error, outputs, labels)


@for_tasks("regression")
def r2(outputs: Array, labels: Array) -> float:
    """Return the share of the variance that is explained, of several outputs the mean."""
    from sklearn.metrics import r2_score

    return _value(r2_score, outputs, labels)


def _value(metric: Any, outputs: Array, labels: Array) -> float:
    if outputs.shape != labels.shape:
        raise ValueError("expected outputs and labels of the same shape")
    if not np.isfinite(outputs).all():
        return float("nan")
    rows = [array.reshape(len(array), -1).astype(np.float64) for array in (labels, outputs)]
    return float(metric(*rows))

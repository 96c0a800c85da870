"""Values per class, of the metrics that have them: those with a parameter ``average``."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.table import table
from trainer.metrics.build_metrics import Metric
from trainer.metrics.class_labels import class_label

MOST = 20  # classes that a screen has room for

Values = Mapping[str, Sequence[float | None]]


def recording(
    metrics: Mapping[str, Metric], values: dict[str, list[float | None]]
) -> dict[str, Metric]:
    """Return metrics that note their values per class as well, each time they are computed.

    Args:
        metrics: by name.
        values: by name, a number for each class and None where it is not defined; they are put in.
    """
    return {
        name: _recorded(name, metric, values) if _has_average(metric) else metric
        for name, metric in metrics.items()
    }


def _has_average(metric: Metric) -> bool:
    try:
        return "average" in inspect.signature(metric).parameters
    except ValueError:  # a function in C need not have one
        return False


def _recorded(name: str, metric: Any, values: dict[str, list[float | None]]) -> Metric:
    def both(outputs: NDArray[Any], labels: NDArray[Any]) -> float:
        numbers = np.asarray(metric(outputs, labels, average=None), np.float64)
        values[name] = [None if math.isnan(number) else float(number) for number in numbers]
        return metric(outputs, labels)

    return both


def rows(
    values: Values, classes: Sequence[Mapping[str, Any]] = (), names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return a record for each class with the values, added to those that there are already."""
    count = max(map(len, values.values()), default=len(classes))
    records = [dict(record) for record in classes] or [{"class": at} for at in range(count)]
    for record, name in zip(records, names, strict=False):
        record.setdefault("name", name)
    for name, column in values.items():
        if len(column) == len(records):
            for record, value in zip(records, column, strict=True):
                record.setdefault(name, value)
    return records


def text(values: Values, names: Sequence[str] = ()) -> str:
    """Return the table of the values, of the first classes where they are many."""
    records = rows(values)
    cells = [
        (class_label(record["class"], names), *(_cell(record.get(name)) for name in values))
        for record in records[:MOST]
    ]
    head = f"the first {MOST} of {len(records)} classes\n" if len(records) > MOST else ""
    return head + table([("class", *values), *cells])


def _cell(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"

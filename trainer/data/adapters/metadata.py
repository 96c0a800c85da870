"""Metadata: class names and labels that a dataset offers without its images being read."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from trainer.data.adapters.values import as_label

_MOST = 200_000_000  # bytes of labels that are copied


def class_names(source: Any, label: str = "") -> tuple[str, ...]:
    """Return the names of the classes; empty if they are not known.

    They are ``classes`` of the object, as in torchvision, or those of a column's ``ClassLabel``.

    Args:
        source: the dataset, or a subset of one.
        label: column of the labels, if samples are rows.
    """
    names = getattr(source, "classes", None)
    if label:
        feature = getattr(source, "features", {}).get(label)
        names = getattr(feature, "names", None) or getattr(
            getattr(feature, "feature", None), "names", None
        )
    if _is_names(names):
        return tuple(names)
    inner = getattr(source, "dataset", None)  # of PyTorch's Subset
    return () if inner is None or inner is source else class_names(inner, label)


def _is_names(value: Any) -> TypeGuard[Sequence[str]]:
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    return is_sequence and bool(value) and all(isinstance(name, str) for name in value)


def known_labels(source: Any, label: str = "") -> NDArray[Any] | None:
    """Return the labels in the order of the samples; None if they are not known.

    Args:
        source: the dataset, or a subset of one.
        label: column of the labels, if samples are rows.
    """
    try:
        labels = _labels(source, label)
        array = None if labels is None else as_label(labels)
    except Exception:  # of custom code: samples are read instead, and report their error
        return None
    return array if array is not None and array.shape[:1] == (len(source),) else None


def _labels(source: Any, label: str) -> Any:
    if isinstance(source, list):
        first = source[0][label] if label else source[0][-1]
        if as_label(first).nbytes * len(source) > _MOST:
            return None
        return np.stack([as_label(row[label] if label else row[-1]) for row in source])
    if label and hasattr(source, "column_names"):
        return np.asarray(source[label])
    if (indices := getattr(source, "indices", None)) is not None:  # PyTorch's Subset
        inner = known_labels(source.dataset, label)
        return None if inner is None else inner[np.asarray(indices)]
    labels = getattr(source, "labels", None)
    return getattr(source, "targets", None) if labels is None else labels

"""Metadata: names of classes and files, and labels, known without reading the samples."""

from collections.abc import Sequence
from pathlib import Path
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


def file_names(source: Any) -> tuple[str, ...]:
    """Return a path per sample; none if they are not known.

    They are ``files`` of the object, or the first items of a list of (path, label), which
    torchvision's ``ImageFolder`` has as ``samples``.

    Args:
        source: the dataset, or a subset of one.
    """
    if (indices := getattr(source, "indices", None)) is not None:  # PyTorch's Subset
        inner = file_names(getattr(source, "dataset", None))
        return tuple(inner[index] for index in indices) if inner else ()
    files = getattr(source, "files", None)
    rows = source if isinstance(source, list) else getattr(source, "samples", None)
    if files is None and isinstance(rows, list) and rows and isinstance(rows[0], tuple):
        files = [row[0] for row in rows]
    is_paths = isinstance(files, list | tuple) and all(isinstance(f, str | Path) for f in files)
    return tuple(map(str, files)) if is_paths and files else ()

"""Labels in memory: all labels of a pipeline, where they can be listed without reading the data."""

from typing import Any, TypeGuard

import mindspore.dataset as ds
import numpy as np
from numpy.typing import NDArray

from trainer.backend.graph.task import label_problem

_ORDERED = ("BatchDataset", "ShuffleDataset")  # they leave the values of a column as they are
_WHOLE = ("RandomSampler", "SequentialSampler")  # they yield each sample
_MOST_BYTES = 200_000_000  # of the copy that is looked at


def problem(labels: NDArray[Any] | None, classes: int, ignored: int | None = None) -> str:
    """Return what is wrong with labels; empty: nothing, or it is not known.

    Args:
        labels: all of a source; None: they are not known.
        classes: number of classes.
        ignored: a label that does not count; None: all labels do.
    """
    if labels is None or labels.dtype.kind not in "iu":
        return ""
    return label_problem(labels, classes, ignored).replace(" of the batch", " of the data")


def labels_in_memory(pipeline: ds.Dataset) -> NDArray[Any] | None:
    """Return the labels in the order of the source; None if something may change them."""
    name, node = pipeline.get_col_names()[-1], pipeline
    while node.children:
        if len(node.children) > 1 or not _leaves(node, name):
            return None
        node = node.children[0]
    if not isinstance(node, ds.GeneratorDataset) or node.column_names[-1:] != [name]:
        return None
    return _labels(node.source) if _is_whole(node) else None


def _leaves(node: ds.Dataset, name: str) -> bool:
    """Tell whether an operation leaves all labels as they are."""
    if isinstance(node, ds.MapDataset):
        return name not in (*node.input_columns, *node.output_columns)
    return type(node).__name__ in _ORDERED and getattr(node, "per_batch_map", None) is None


def _is_whole(node: ds.GeneratorDataset) -> bool:
    """Tell whether a source yields each of its samples."""
    sampler = type(node.sampler).__name__
    return not node.num_samples and node.num_shards in (None, 1) and sampler in _WHOLE


def _labels(source: Any) -> NDArray[Any] | None:
    """Return the last column of a list of rows, or of the columns of a ``NumpySlicesDataset``."""
    if _is_rows(source):
        labels = [row[-1] for row in source]
    elif type(source).__name__ == "_NumpySlicesDataset" and isinstance(source.data, tuple):
        labels = source.data[-1]
    else:
        return None
    if np.asarray(labels[0]).nbytes * len(labels) > _MOST_BYTES:
        return None
    try:
        array = np.asarray(labels)
    except ValueError:  # rows of several shapes
        return None
    return array if array.ndim else None


def _is_rows(source: Any) -> TypeGuard[list[tuple[Any, ...]]]:
    return isinstance(source, list) and all(isinstance(row, tuple) and row for row in source)

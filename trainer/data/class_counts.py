"""Class counts: the number of training labels of each class."""

import mindspore.dataset as ds
import numpy as np

from trainer.data.batch_source import BatchSource
from trainer.data.label_check import checked


def class_counts(source: BatchSource, classes: int, ignored: int | None = None) -> list[int]:
    """Return the number of labels of each class; takes a pass over data that do not list them.

    Args:
        source: of (inputs..., label) batches.
        classes: number of classes.
        ignored: a label that does not count; None: all labels do.

    Raises:
        BadData: a label is no class.
    """
    counts = np.zeros(classes, np.int64)
    listed = None if isinstance(source.origin, ds.Dataset) else source.labels()
    columns = source.columns(0) if listed is None else [[listed]]
    for *_, label in checked(columns, classes, ignored):
        labels = label[label != ignored] if ignored is not None else label
        counts += np.bincount(labels.ravel(), minlength=classes)
    return [int(count) for count in counts]

"""Class counts: the number of training labels of each class."""

import mindspore.dataset as ds
import numpy as np

from trainer.data.batches import columns
from trainer.data.label_check import checked


def class_counts(
    pipeline: ds.Dataset, seed: int, classes: int, ignored: int | None = None
) -> list[int]:
    """Return the number of labels of each class, which takes a pass over the pipeline.

    Args:
        pipeline: of (inputs..., label) batches.
        seed: the run's.
        classes: number of classes.
        ignored: a label that does not count; None: all labels do.

    Raises:
        BadData: a label is no class.
    """
    counts = np.zeros(classes, np.int64)
    for *_, label in checked(columns(pipeline, seed, 0), classes, ignored):
        labels = label[label != ignored] if ignored is not None else label
        counts += np.bincount(labels.ravel(), minlength=classes)
    return [int(count) for count in counts]

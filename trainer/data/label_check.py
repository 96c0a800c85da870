"""Label check: each batch is looked at before it is trained on."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from mindspore import Tensor

from trainer.backend.batch_types import Batch, Columns
from trainer.backend.graph.task import label_problem
from trainer.core.errors import BadData

AnyBatch = TypeVar("AnyBatch", Batch, Columns)


def checked(
    batches: Iterable[AnyBatch], classes: int | None, ignored: int | None = None
) -> Iterator[AnyBatch]:
    """Yield the batches.

    Args:
        batches: inputs and, last, the label.
        classes: number of classes; None: labels are no classes, and nothing is checked.
        ignored: a label that does not count; None: all labels do.

    Raises:
        BadData: a label is no class; the batch is not yielded.
    """
    for batch in batches:
        if classes is not None:
            label = batch[-1]
            array = label.asnumpy() if isinstance(label, Tensor) else label
            if problem := label_problem(array, classes, ignored):
                raise BadData(f"dataset: {problem}")
        yield batch

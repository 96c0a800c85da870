"""Optimizer step: what the loop calls once for each update, with the batches of that update."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from mindspore import Tensor

from trainer.backend.batch_types import Batch
from trainer.core.errors import BadData
from trainer.engine.progress import StepReport

Rates = Callable[[int], Tensor]


class OptimizerStep(Protocol):
    """Updates the weights once."""

    def __call__(self, batches: Sequence[Batch], number: int) -> Tensor:
        """Return what ``read_report`` reads, as soon as the device has been told to compute it.

        Args:
            batches: those of this update.
            number: of updates of the whole run before this one.
        """


class SingleBatchStep:
    """An optimizer step over one batch.

    Args:
        step: takes the rates, if there are some, and the batch.
        rates: returns the learning rates of an update as one tensor; None: they are constant.
    """

    def __init__(self, step: Callable[..., Tensor], rates: Rates | None = None) -> None:
        self._step = step
        self._rates = rates

    def __call__(self, batches: Sequence[Batch], number: int) -> Tensor:
        """See ``OptimizerStep``."""
        (batch,) = batches
        return (
            self._step(*batch) if self._rates is None else self._step(self._rates(number), *batch)
        )


def read_report(tensor: Tensor) -> StepReport:
    """Wait for a step; return its report. The tensor is a loss, or (loss, updated, norm)."""
    values = tensor.asnumpy()
    if values.ndim == 0:
        return StepReport(float(values))
    loss, updated, norm = values.tolist()
    return StepReport(loss, bool(updated), norm)


def groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch] | BadData]:
    """Yield the batches of each update; the last group may be smaller.

    Bad data are the last thing that is yielded; what is left of their group is dropped.
    """
    iterator = iter(batches)
    try:
        while group := list(islice(iterator, size)):
            yield group
    except BadData as error:
        yield error

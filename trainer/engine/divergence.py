"""Divergence: the messages of a run whose loss or weights are not finite, with the likely cause."""

from collections.abc import Iterable, Sequence

from trainer.backend import non_finite
from trainer.backend.batch_types import Batch
from trainer.core.errors import BadData, NotFinite, WeightsNotFinite


def loss_not_finite(loss: float, epoch: int, step: int, batches: Sequence[Batch]) -> NotFinite:
    """Return the error of a step's loss; the batches are the step's."""
    return NotFinite(
        f"expected a finite loss, received {loss} in epoch {epoch}, step {step}; the weights are "
        f"as they were before that step. {_cause(batches, is_first=(epoch, step) == (1, 1))}"
    )


def weights_not_finite(error: WeightsNotFinite, batches: Iterable[Batch]) -> WeightsNotFinite:
    """Return the error of an epoch's weights with its cause; the batches are the epoch's."""
    try:
        for number, batch in enumerate(batches, 1):
            if columns := non_finite.non_finite_columns(batch):
                return WeightsNotFinite(f"{error}. {_mend(f'In step {number}, {columns}')}")
    except BadData:  # the steps up to that batch had finite inputs
        pass
    return WeightsNotFinite(f"{error}. All inputs of the epoch are finite. {_TOO_HIGH}")


_TOO_HIGH = "Likely: optimizer.lr is too high"


def _cause(batches: Sequence[Batch], is_first: bool) -> str:
    for batch in batches:
        if columns := non_finite.non_finite_columns(batch):
            return _mend(columns[0].upper() + columns[1:])
    largest = max(map(non_finite.largest_value, batches))
    inputs = f"The inputs are finite, at most {largest:.3g} in magnitude"
    if is_first:
        return f"{inputs}, and nothing was updated yet. Likely: the first weights, or the inputs"
    return f"{inputs}. {_TOO_HIGH}"


def _mend(columns: str) -> str:
    return f"{columns}: correct the data or their preparation"

"""Step rates: the numbers of an update that the host computes, as one tensor for the graph."""

from collections.abc import Callable

import numpy as np
from mindspore import Tensor
from numpy.typing import NDArray


class StepRates:
    """The learning rates of each update; an unchanged tensor is reused.

    Args:
        rates: returns those of all groups, in float64, by the number of updates before.
        share: returns the share of the weights in their averages; None: they are not averaged.
    """

    def __init__(
        self,
        rates: Callable[[int], NDArray[np.float64]],
        share: Callable[[int], float] | None = None,
    ) -> None:
        self._rates = rates
        self._share = share
        self._last = Tensor(np.zeros(0, np.float32))

    def __call__(self, number: int) -> Tensor:
        """Return the rates of an update in float32, rounded once, and last the share."""
        numbers = [*self._rates(number), *([] if self._share is None else [self._share(number)])]
        values = np.asarray(numbers, np.float32)
        if not np.array_equal(values, self._last.asnumpy()):
            self._last = Tensor(values)
        return self._last

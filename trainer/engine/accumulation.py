"""Gradient accumulation: the gradients of several batches, added up for one update.

Two graphs: one adds a batch, the other updates the weights. Loss and gradients are divided by the
total weight of all batches, so that an update is that of one large batch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from trainer.backend.batch_types import Batch
from trainer.backend.graph import module_tree
from trainer.engine.optimizer_step import Rates
from trainer.engine.statistics_copy import StatisticsCopy
from trainer.engine.train_step import GradientParts, WeightedGradients
from trainer.engine.update import Update


@dataclass(frozen=True)
class GradientSums:
    """What the batches of an update are added up in; the first one of an update overwrites it.

    Attributes:
        gradients: of the optimizer's parameters, in their order.
        loss: sum of the weighted losses.
        weight: sum of the weights.
        statistics: copies the running statistics.
        before: the running statistics before the update's first batch, joined.
    """

    gradients: list[Parameter]
    loss: Parameter
    weight: Parameter
    statistics: StatisticsCopy
    before: Parameter

    @classmethod
    def of(cls, net: nn.Cell, optimizer: nn.Optimizer) -> "GradientSums":
        """Return sums for a model and its optimizer."""
        statistics = StatisticsCopy(module_tree.unlocked_statistics(net))
        return cls(
            [_zeros(f"gradient.{p.name}", p.shape, p.dtype) for p in optimizer.parameters],
            _zeros("loss", (), ms.float32),
            _zeros("weight", (), ms.float32),
            statistics,
            _zeros("before", statistics.shape, statistics.dtype),
        )


def _zeros(name: str, shape: Sequence[int], dtype: Any) -> Parameter:
    value = Tensor(np.zeros(shape, np.float32)).astype(dtype)
    return Parameter(value, name=f"trainer.sums.{name}", requires_grad=False)


class AddBatch(nn.Cell):
    """Adds the gradients of a batch to the sums.

    Args:
        parts: see ``GradientParts``.
        sums: of its optimizer.
        extra: parameters that it changes besides the sums.
    """

    def __init__(
        self, parts: GradientParts, sums: GradientSums, extra: Iterable[Parameter] = ()
    ) -> None:
        super().__init__(auto_prefix=False)
        self.extra = ParameterTuple(extra)  # for a graph that is read, which knows those of cells
        self.sums = ParameterTuple([*sums.gradients, sums.loss, sums.weight])
        self.statistics = sums.statistics
        self.before = sums.before
        self.gradients = WeightedGradients(parts)

    def construct(self, is_first: Tensor, *batch: Tensor) -> Tensor:
        """Return the weighted loss of the batch.

        Args:
            is_first: whether it is the first batch of an update.
            batch: inputs and, last, the label.
        """
        if is_first:
            if not self.statistics.is_empty:
                ops.assign(self.before, self.statistics())
            for total in self.sums:
                ops.assign(total, ops.zeros_like(total))
        gradients, loss, weight = self.gradients(*batch)
        for total, value in zip(self.sums, (*gradients, loss, weight)):  # noqa: B905
            ops.assign_add(total, value)
        return loss


class ApplySums(nn.Cell):
    """Updates the weights with the sums.

    Args:
        sums: of the batches of an update.
        update: of the optimizer.
    """

    def __init__(self, sums: GradientSums, update: Update) -> None:
        super().__init__(auto_prefix=False)
        self.gradients = ParameterTuple(sums.gradients)
        self.loss = sums.loss
        self.weight = sums.weight
        self.before = sums.before
        self.update = update

    def construct(self, *rates: Tensor) -> Tensor:
        """Return what ``Update`` returns."""
        weight = ops.maximum(self.weight, Tensor(_LEAST_WEIGHT, ms.float32))
        return self.updated(self.loss / weight, self.gradients, rates, weight)

    def updated(
        self,
        loss: Tensor,
        gradients: Sequence[Tensor],
        rates: Sequence[Tensor],
        weight: Tensor | None = None,
    ) -> Tensor:
        """Update the weights with these gradients, divided by the weight; return the report."""
        return self.update(loss, gradients, self.before, rates[0] if rates else None, weight)


_LEAST_WEIGHT = 1e-30  # of batches none of which counts: 0 / 0 would be no number


class AccumulatedStep:
    """An optimizer step over several batches.

    Args:
        add: adds a batch; takes whether it is the first one, and the batch.
        apply: updates the weights; takes the rates, if there are some.
        rates: returns the learning rates of an update as one tensor; None: they are constant.
    """

    def __init__(
        self, add: Callable[..., Tensor], apply: Callable[..., Tensor], rates: Rates | None = None
    ) -> None:
        self._add = add
        self._apply = apply
        self._rates = rates
        self._first, self._later = Tensor(True), Tensor(False)

    def __call__(self, batches: Sequence[Batch], number: int) -> Tensor:
        """See ``OptimizerStep``."""
        for position, batch in enumerate(batches):
            self._add(self._later if position else self._first, *batch)
        return self._apply() if self._rates is None else self._apply(self._rates(number))

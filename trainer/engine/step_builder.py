"""Step builder: the graphs of a run's steps: one graph, or two for several batches per update."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mindspore import Parameter, Tensor, amp, nn

from trainer.backend import execution_mode
from trainer.backend.graph import module_tree
from trainer.engine.accumulation import AccumulatedStep, AddBatch, ApplySums, GradientSums
from trainer.engine.ema import WeightAverages
from trainer.engine.optimizer_step import OptimizerStep, Rates, SingleBatchStep
from trainer.engine.statistics_copy import StatisticsCopy
from trainer.engine.train_step import GradientParts, TrainStep
from trainer.engine.update import StepOptions, Update

if TYPE_CHECKING:
    from trainer.engine.distributed_step import Exchange

# Returns the step whose graphs are compiled, for the learning rates of a run.
BoundStep = Callable[[Rates | None], OptimizerStep]
# Returns what to call in place of a cell that is made for a model.
Around = Callable[[str, Callable[[nn.Cell], Callable[..., Tensor]]], Callable[..., Tensor]]

# Returns what to call in place of a cell without a model.
Alone = Callable[[str, nn.Cell], Callable[..., Tensor]]


@dataclass(frozen=True)
class StepBuilder:
    """Builds the graphs of a run's steps for an optimizer.

    Attributes:
        net: the model; its plan is applied when ``build`` is called.
        loss: a cell of (output, label) that returns a mean.
        scaler: scales the loss for half precision; None for float32.
        diverged: see ``TrainStep``.
        options: what a step does besides updating the weights.
        accumulation_steps: number of batches per update.
        unit: see ``GradientParts``.
        extra: parameters that a step changes besides those of model and optimizer.
        around: compiles a graph with the model in it, by its name.
        alone: compiles a graph without the model, by its name.
        exchange: of several ranks; None: there is one.
        averages: of the weights, which follow each update; None: there are none.
    """

    net: nn.Cell
    loss: nn.Cell
    scaler: amp.LossScaler | None
    diverged: Parameter | None
    options: StepOptions
    accumulation_steps: int
    unit: float
    extra: Iterable[Parameter]
    around: Around
    alone: Alone
    exchange: "Exchange | None" = None
    averages: WeightAverages | None = None

    def build(self, optimizer: nn.Optimizer) -> BoundStep:
        """Return the step of an optimizer; a compiled graph ignores later changes of flags."""
        if self.accumulation_steps > 1:
            return self._accumulated(optimizer)
        return partial(SingleBatchStep, self.around("step", partial(self._fused, optimizer)))

    def _fused(self, optimizer: nn.Optimizer, net: nn.Cell) -> Callable[..., Tensor]:
        if self.exchange is not None:
            statistics = StatisticsCopy(module_tree.unlocked_statistics(net))
            update = self._update(statistics, optimizer)
            return self.exchange.step(self._parts(net, optimizer), update, self.options)
        rest = self.scaler, self.extra, self.diverged, self.options, self.averages
        return TrainStep(net, self.loss, optimizer, *rest)

    def _accumulated(self, optimizer: nn.Optimizer) -> BoundStep:
        sums = GradientSums.of(self.net, optimizer)
        update = self._update(sums.statistics, optimizer)

        def make(net: nn.Cell) -> Callable[..., Tensor]:
            add = AddBatch(self._parts(net, optimizer), sums, self.extra)
            return add if self.exchange is None else execution_mode.executable(add)

        add = self.around("gradients", make)
        if self.exchange is not None:
            apply = self.exchange.apply(self._parts(self.net, optimizer), sums, update)
        else:
            apply = self.alone("update", ApplySums(sums, update))
        return partial(AccumulatedStep, add, apply)

    def _parts(self, net: nn.Cell, optimizer: nn.Optimizer) -> GradientParts:
        return GradientParts(net, self.loss, optimizer, self.scaler, self.unit)

    def _update(self, statistics: StatisticsCopy, optimizer: nn.Optimizer) -> Update:
        options = replace(self.options, raises=False)  # what calls it takes no error for a loss
        parts = self.scaler, self.diverged, options, self.averages
        return Update(optimizer, statistics, *parts)

"""Train step: one compiled graph that computes loss and gradients and updates the weights."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops

from trainer.backend.graph import module_tree
from trainer.engine.ema import WeightAverages
from trainer.engine.statistics_copy import StatisticsCopy
from trainer.engine.update import PLAIN, StepOptions, Update
from trainer.losses.total_weight import total_weight


def forward(net: nn.Cell, loss: nn.Cell) -> Callable[..., Tensor]:
    """Return a function of (inputs..., label) that returns the loss as a float32 scalar."""

    def value(*batch: Tensor) -> Tensor:
        return loss(net(*batch[:-1]), batch[-1]).astype(ms.float32)

    return value


@dataclass(frozen=True)
class GradientParts:
    """What weighted gradients are computed from.

    Attributes:
        net: the model, with its plan applied.
        loss: a cell of (output, label) that returns a mean.
        optimizer: whose parameters' gradients are computed.
        scaler: scales the loss for half precision; None for float32.
        unit: the weight that counts as 1, so that a usual batch has the gradients of its mean,
            which a loss scale was chosen for.
    """

    net: nn.Cell
    loss: nn.Cell
    optimizer: nn.Optimizer
    scaler: amp.LossScaler | None
    unit: float


class WeightedGradients(nn.Cell):
    """Gradients and loss of a batch, times the batch's weight, to be summed with those of others.

    Args:
        parts: see ``GradientParts``.
    """

    def __init__(self, parts: GradientParts) -> None:
        super().__init__(auto_prefix=False)
        self.net = parts.net
        self.loss = parts.loss
        self.scaler = parts.scaler
        net, loss, scaler, unit = parts.net, parts.loss, parts.scaler, parts.unit

        def weighted(*batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            output, label = net(*batch[:-1]), batch[-1]
            weight = total_weight(loss, output, label) / unit
            plain = loss(output, label).astype(ms.float32) * weight
            return (plain if scaler is None else scaler.scale(plain)), plain, weight

        self.gradients = ms.value_and_grad(weighted, None, parts.optimizer.parameters, has_aux=True)

    def construct(self, *batch: Tensor) -> tuple[Sequence[Tensor], Tensor, Tensor]:
        """Return gradients, loss, and weight; all are 0 if no label counts, and never 0 / 0."""
        (_, loss, weight), gradients = self.gradients(*batch)
        if weight == 0:
            loss = ops.zeros_like(loss)
            gradients = tuple([ops.zeros_like(g) for g in gradients])
        return gradients, loss, weight


class TrainStep(nn.Cell):
    """One training step; built again for every phase: a compiled graph ignores later changes.

    Args:
        net: the model, with its plan applied.
        loss: a cell of (output, label) that returns a scalar.
        optimizer: built over the trainable parameters.
        scaler: scales the loss for half precision; None for float32.
        extra: parameters that it changes besides those of model and optimizer.
        diverged: set once a loss was not finite; from then on the steps that share it change
            nothing. For losses that are fetched some steps later; None: they are fetched at once.
        options: what it does in addition, and what it takes and returns.
        averages: of the weights, which follow each update; None: there are none.
    """

    def __init__(
        self,
        net: nn.Cell,
        loss: nn.Cell,
        optimizer: nn.Optimizer,
        scaler: amp.LossScaler | None = None,
        extra: Iterable[Parameter] = (),
        diverged: Parameter | None = None,
        options: StepOptions = PLAIN,
        averages: WeightAverages | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.scaler = scaler
        self.extra = ParameterTuple(extra)  # for a graph that is read, which knows those of cells
        self.statistics = StatisticsCopy(module_tree.unlocked_statistics(net))
        self.takes_rates = options.takes_rates
        self.update = Update(optimizer, self.statistics, scaler, diverged, options, averages)
        value = forward(net, loss)

        def scaled(*batch: Tensor) -> tuple[Tensor, Tensor]:
            plain = value(*batch)
            return (plain if scaler is None else scaler.scale(plain)), plain

        self.gradients = ms.value_and_grad(scaled, None, optimizer.parameters, has_aux=True)

    @property
    def compile_phase(self) -> str | None:
        """MindSpore's name of the graph that was called last."""
        return self._compile_phase

    @compile_phase.setter
    def compile_phase(self, value: str) -> None:
        """Tell all cells; MindSpore does so at each call, which takes 0.3 ms of ResNet-18's."""
        if value != self._compile_phase:
            nn.Cell.compile_phase.fset(self, value)

    def __call__(self, *batch: Tensor) -> Tensor:
        """Return what ``construct`` does, also of a loss that has ended the graph by an error."""
        try:
            return super().__call__(*batch)
        except RuntimeError:
            loss = self.update.finite_check.failed_loss() if self.update.raises else None
            if loss is None:
                raise
            return Tensor([loss, 0.0, 0.0] if self.update.reports else loss, ms.float32)

    def construct(self, *batch: Tensor) -> Tensor:
        """Return the loss before the update; no weight is touched unless it is finite.

        Under loss scaling an overflow of the gradients skips the update as well.
        """
        rates = None
        if self.takes_rates:
            rates, batch = batch[0], batch[1:]
        before = self.statistics()
        (_, loss), gradients = self.gradients(*batch)
        return self.update(loss, gradients, before, rates)


def stop_flag(fetch_every: int) -> Parameter | None:
    """Return the ``diverged`` of steps whose losses are fetched later; None: at once."""
    if fetch_every == 1:
        return None
    return Parameter(Tensor(False), name="trainer.halted", requires_grad=False)


def loss_scaler(loss_scale: float | str) -> amp.LossScaler | None:
    """Return the scaler for a setting: a factor (1 for none), or ``dynamic``."""
    if loss_scale == "dynamic":
        return amp.DynamicLossScaler(2**16, 2, 1000)
    return None if loss_scale == 1 else amp.StaticLossScaler(loss_scale)


def set_precision(net: nn.Cell, precision: str) -> None:
    """Compute in ``float16`` or ``bfloat16``; weights and normalisation stay float32."""
    if precision == "float32":
        return
    net.to_float(getattr(ms, precision))
    for _, cell in net.cells_and_names():
        if hasattr(cell, "use_batch_statistics") or isinstance(cell, nn.LayerNorm | nn.GroupNorm):
            cell.to_float(ms.float32)


def inline_subgraphs(net: nn.Cell) -> None:
    """Undo ``@lazy_inline`` on a CPU, where no such cell compiles; it only saves compile time."""
    if ms.get_context("device_target") == "CPU":
        for _, cell in net.cells_and_names():
            vars(cell).pop("_cell_init_args", None)  # where MindSpore notes it

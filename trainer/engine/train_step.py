"""Train step: one compiled graph that computes loss and gradients and updates the weights."""

from collections.abc import Callable, Iterable, Sequence

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops

from trainer.backend.graph import module_tree


def forward(net: nn.Cell, loss: nn.Cell) -> Callable[..., Tensor]:
    """Return a function of (inputs..., label) that returns the loss as a float32 scalar."""

    def value(*batch: Tensor) -> Tensor:
        return loss(net(*batch[:-1]), batch[-1]).astype(ms.float32)

    return value


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
    """

    def __init__(
        self,
        net: nn.Cell,
        loss: nn.Cell,
        optimizer: nn.Optimizer,
        scaler: amp.LossScaler | None = None,
        extra: Iterable[Parameter] = (),
        diverged: Parameter | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.scaler = scaler
        self.stops_when_diverged = diverged is not None
        if diverged is not None:
            self.diverged = diverged
        self.extra = ParameterTuple(extra)  # for a graph that is read, which knows those of cells
        self.statistics = module_tree.unlocked_statistics(net)
        self.has_statistics = bool(self.statistics)
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

    def construct(self, *batch: Tensor) -> Tensor:
        """Return the loss before the update; no weight is touched unless it is finite.

        Under loss scaling an overflow of the gradients skips the update as well.
        """
        before = [statistic + 0 for statistic in self.statistics]
        (_, loss), gradients = self.gradients(*batch)
        return self.update(loss, gradients, before)

    def update(self, loss: Tensor, gradients: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
        """Update the weights if the loss is finite, else put the statistics back; return it."""
        is_good = ops.isfinite(loss)
        if self.stops_when_diverged:
            is_good = ops.logical_and(is_good, ops.logical_not(self.diverged))
            ops.assign(self.diverged, ops.logical_not(is_good))
        if self.has_statistics:  # noqa: SIM102 (this one is settled when compiled, at no cost)
            if not is_good:  # the forward pass has updated them
                for statistic, value in zip(self.statistics, before):  # noqa: B905 (not in a graph)
                    ops.assign(statistic, value)
        if self.scaler is not None:
            gradients = self.scaler.unscale(gradients)
            is_finite = amp.all_finite(gradients)
            self.scaler.adjust(is_finite)
            is_good = ops.logical_and(is_good, is_finite)
        if is_good:
            loss = ops.depend(loss, self.optimizer(gradients))
        return loss


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

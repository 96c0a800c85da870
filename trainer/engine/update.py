"""Update: what follows the gradients of a step: checks, clipping, optimizer, averages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops

from trainer.backend.optimizer_state import learning_rates
from trainer.engine.ema import AverageUpdate, WeightAverages
from trainer.engine.finite_check import FiniteCheck
from trainer.engine.gradient_clip import Clip, GlobalNorm, clip_factor, clip_value
from trainer.engine.statistics_copy import StatisticsCopy


@dataclass(frozen=True)
class StepOptions:
    """What a step does in addition to computing gradients and updating the weights.

    Attributes:
        takes_rates: its first argument is a tensor of the learning rates, one per group of the
            optimizer, which are set before the update; with averages of the weights, also of the
            share of the weights in them.
        clip: how gradients are clipped; None: they are not.
        averages: whether the weights are averaged.
        reports: it returns (loss, whether the update was made, norm before clipping or 0) as one
            tensor; else the loss alone.
        raises: a loss that is not finite ends the graph by an error where that is possible, which
            is faster than a branch for a small model; see ``FiniteCheck``.
    """

    takes_rates: bool = False
    clip: Clip | None = None
    averages: bool = False
    reports: bool = False
    raises: bool = False


PLAIN = StepOptions()


class Update(nn.Cell):
    """Updates the weights with the gradients of a step, unless something is not finite.

    Args:
        optimizer: built over the trainable parameters.
        statistics: copies the running statistics, which the forward pass updates.
        scaler: has scaled the loss; None for float32.
        diverged: set once a loss was not finite; see ``TrainStep``.
        options: see ``StepOptions``.
        averages: of the weights, which follow each update; None: there are none.
    """

    def __init__(
        self,
        optimizer: nn.Optimizer,
        statistics: StatisticsCopy,
        scaler: amp.LossScaler | None,
        diverged: Parameter | None,
        options: StepOptions,
        averages: WeightAverages | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.averages = averages is not None
        if averages is not None:
            self.update_averages = AverageUpdate(averages)
        self.statistics = statistics
        self.scaler = scaler
        self.stops_when_diverged = diverged is not None
        if diverged is not None:
            self.diverged = diverged
        # Without a branch MindSpore 2.10 averages the weights of before the update.
        needs_branch = not statistics.is_empty or scaler or averages or self.stops_when_diverged
        self.raises = options.raises and not needs_branch
        if self.raises:
            self.finite_check = FiniteCheck()
        self.rates = ParameterTuple(learning_rates(optimizer) if options.takes_rates else [])
        self.reports = options.reports
        self._set_clip(options.clip)

    def _set_clip(self, clip: Clip | None) -> None:
        self.clips_norm = clip is not None and clip.by == "norm"
        self.clips_values = clip is not None and clip.by == "value"
        self.limit = clip.limit if clip else 0.0
        if self.clips_norm:
            self.global_norm = GlobalNorm(self.optimizer.parameters)
        self.scales = self.clips_norm or self.scaler is not None

    def construct(
        self,
        loss: Tensor,
        gradients: Sequence[Tensor],
        before: Tensor,
        rates: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the loss, or the report of the step; see ``StepOptions``.

        Args:
            loss: of the step; if it is not finite, the statistics are put back to ``before``.
            gradients: if one or their norm is not finite under a loss scale, the scale is adjusted.
            before: the statistics before the forward pass, joined.
            rates: the learning rates; None: those of before.
            weight: what the gradients are to be divided by; None: nothing.
        """
        is_good = self.checked_loss(loss, before)
        norm, factor = self.norm_and_factor(gradients, weight)
        if self.scaler is not None:
            is_finite = self.all_finite(gradients, norm)
            is_good = ops.logical_and(is_good, is_finite)
            self.scaler.adjust(is_finite)
        self.set_rates(rates)
        report = self.report(loss, is_good, norm) if self.reports else loss
        if is_good:
            report = ops.depend(report, self.optimizer(self.final(gradients, factor, weight)))
        if self.averages and rates is not None:
            report = self.averaged(report, is_good, rates[-1])
        return report

    def report(self, loss: Tensor, is_good: Any, norm: Tensor) -> Tensor:
        """Return the report of a step; see ``StepOptions``."""
        updated = Tensor(1.0, ms.float32) if self.raises else is_good.astype(ms.float32)
        return ops.stack((loss, updated, norm))

    def all_finite(self, gradients: Sequence[Tensor], norm: Tensor) -> Tensor:
        """Return whether scaled gradients are finite, and the norm that they are clipped by."""
        is_finite = amp.all_finite(gradients)
        if self.clips_norm:
            is_finite = ops.logical_and(is_finite, ops.isfinite(norm))
        return is_finite

    def averaged(self, report: Tensor, is_good: Tensor, share: Tensor) -> Tensor:
        """Update the averages of the weights; in a branch of their own, which is faster."""
        if is_good:
            report = ops.depend(report, self.update_averages(share))
        return report

    def norm_and_factor(
        self, gradients: Sequence[Tensor], weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the norm before clipping, and what the gradients are to be multiplied by."""
        norm, factor = Tensor(0.0, ms.float32), Tensor(1.0, ms.float32)
        if weight is not None:
            factor = ops.reciprocal(weight)
        if self.scaler is not None:
            factor = factor * ops.reciprocal(self.scaler.scale_value)
        if self.clips_norm:
            norm = self.norm(gradients, factor)
            factor = factor * clip_factor(norm, self.limit)
        return norm, factor

    def norm(self, gradients: Sequence[Tensor], factor: Tensor) -> Tensor:
        """Return the norm of the gradients times a factor.

        Scaled gradients are multiplied one by one: the sum of their squares may overflow although
        each of them is finite, and a limit divided by infinity would clip all of them to 0.
        """
        if self.scaler is None:
            return self.global_norm(gradients) * factor
        return self.global_norm(gradients, factor)

    def set_rates(self, rates: Tensor | None) -> None:
        """Set the optimizer's learning rates."""
        if rates is not None:
            for number, rate in enumerate(self.rates):
                ops.assign(rate, rates[number])

    def checked_loss(self, loss: Tensor, before: Tensor) -> Tensor | bool:
        """Return whether the loss is finite; if not, put the statistics back, or raise an error."""
        if self.raises:
            return self.finite_check(loss)
        is_good = ops.isfinite(loss)
        if self.stops_when_diverged:
            is_good = ops.logical_and(is_good, ops.logical_not(self.diverged))
            ops.assign(self.diverged, ops.logical_not(is_good))
        if not self.statistics.is_empty:  # noqa: SIM102 (settled when compiled, at no cost)
            if not is_good:  # the forward pass has updated them
                self.statistics.restore(before)
        return is_good

    def final(
        self, gradients: Sequence[Tensor], factor: Tensor, weight: Tensor | None
    ) -> Sequence[Tensor]:
        """Return the gradients as the optimizer is to take them: in one pass over the memory."""
        if self.scales or weight is not None:
            gradients = tuple([g * factor.astype(g.dtype) for g in gradients])
        if self.clips_values:
            gradients = tuple([clip_value(g, self.limit) for g in gradients])
        return gradients

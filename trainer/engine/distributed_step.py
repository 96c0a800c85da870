"""Distributed step: each rank takes its share of a batch; all end with the same weights."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend import execution_mode
from trainer.backend.graph import module_tree
from trainer.distributed import collectives
from trainer.engine.accumulation import ApplySums, GradientSums
from trainer.engine.train_step import GradientParts, WeightedGradients
from trainer.engine.update import StepOptions, Update


class AllRanks(nn.Cell):
    """Means over all ranks, which are sent in one vector.

    A collective costs about the same whatever its size, and several at a time might run in another
    order on another rank.

    Args:
        parameters: those whose gradients are sent.
        moving: running statistics.
        ranks: how many there are.
    """

    def __init__(
        self, parameters: Sequence[Parameter], moving: Sequence[Parameter], ranks: int
    ) -> None:
        super().__init__(auto_prefix=False)
        self.ranks = ranks
        self.moving = moving
        parts = [*parameters, *moving]
        ends = list(accumulate((int(part.size) for part in parts), initial=0))
        self.places = tuple(pairwise(ends))
        self.end = ends[-1]
        self.gradients = len(parameters)
        wide = any(part.dtype == ms.float64 for part in parts)
        self.wide = ms.float64 if wide else ms.float32
        self.sum = ops.AllReduce()

    def construct(
        self, gradients: Sequence[Tensor], loss: Tensor, weight: Tensor, vote: Tensor
    ) -> tuple[Sequence[Tensor], Tensor, Tensor]:
        """Return the mean gradients and loss, and the sum of the votes; average the statistics.

        Args:
            gradients: weighted sums of this rank.
            loss: weighted sum of this rank.
            weight: by which the sums over all ranks are divided, once it is summed too.
            vote: 1 if this rank is to stop, else 0; of shape (1,).
        """
        tensors = [*gradients, *self.moving]
        flat = [part.reshape(-1).astype(self.wide) for part in tensors]
        scalars = [scalar.reshape(-1).astype(self.wide) for scalar in (loss, weight)]
        total = self.sum(ops.concat([*flat, *scalars, vote]))
        weights = ops.maximum(total[self.end + 1], Tensor(1e-30, self.wide))
        means = [
            (total[start:end] / (weights if number < self.gradients else self.ranks))
            .reshape(part.shape)
            .astype(part.dtype)
            for number, (part, (start, end)) in enumerate(zip(tensors, self.places))  # noqa: B905
        ]
        for statistic, value in zip(self.moving, means[self.gradients :]):  # noqa: B905
            ops.assign(statistic, value)
        mean_loss = (total[self.end] / weights).astype(ms.float32)
        return tuple(means[: self.gradients]), mean_loss, total[self.end + 2]


class DistributedStep(nn.Cell):
    """A ``TrainStep`` whose gradients, loss and statistics are the means over all ranks.

    Args:
        parts: of the model, with its plan applied.
        update: updates the weights.
        ranks: how many there are.
        takes_rates: whether it is called with the learning rates.
    """

    def __init__(self, parts: GradientParts, update: Update, ranks: int, takes_rates: bool) -> None:
        super().__init__(auto_prefix=False)
        self.statistics = update.statistics
        self.gradients = WeightedGradients(parts)
        moving = module_tree.moving_statistics(parts.net)
        self.all_ranks = AllRanks(parts.optimizer.parameters, moving, ranks)
        self.update = update
        self.takes_rates = takes_rates

    def construct(self, vote: Tensor, *batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return what ``Update`` returns, and how many of the ranks vote for a stop.

        Args:
            vote: 1 if this rank is to stop, else 0; of shape (1,).
            batch: the learning rates, if it takes them, and this rank's share of the batch.
        """
        rates = None
        if self.takes_rates:
            rates, batch = batch[0], batch[1:]
        before = self.statistics()
        gradients, loss, weight = self.gradients(*batch)
        means, mean_loss, votes = self.all_ranks(gradients, loss, weight, vote)
        return self.update(mean_loss, means, before, rates), votes


class DistributedApply(nn.Cell):
    """``ApplySums`` over the sums of all ranks, which exchange them once per update.

    Args:
        apply: updates the weights.
        parameters: those whose gradients are added up.
        moving: running statistics.
        ranks: how many there are.
    """

    def __init__(
        self,
        apply: ApplySums,
        parameters: Sequence[Parameter],
        moving: Sequence[Parameter],
        ranks: int,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.apply_sums = apply
        self.all_ranks = AllRanks(parameters, moving, ranks)

    def construct(self, vote: Tensor, *rates: Tensor) -> tuple[Tensor, Tensor]:
        """Return what ``Update`` returns, and how many of the ranks vote for a stop."""
        sums = self.apply_sums
        means, loss, votes = self.all_ranks(sums.gradients, sums.loss, sums.weight, vote)
        return sums.updated(loss, means, rates), votes


class Exchange:
    """Builds such steps, and returns what the ranks have agreed on about stopping.

    Args:
        stop: returns why this rank is to stop; empty: continue.
        ranks: how many there are.
    """

    def __init__(self, stop: Callable[[], str], ranks: int) -> None:
        self._stop = stop
        self._ranks = ranks
        self._votes = 0.0

    def step(
        self, parts: GradientParts, update: Update, options: StepOptions
    ) -> Callable[..., Tensor]:
        """Return a step like ``TrainStep``, which takes this rank's share of each batch."""
        compiled = DistributedStep(parts, update, self._ranks, options.takes_rates)
        return self._voting(compiled, compiled.all_ranks)

    def apply(
        self, parts: GradientParts, sums: GradientSums, update: Update
    ) -> Callable[..., Tensor]:
        """Return what applies the sums of all ranks."""
        moving = module_tree.moving_statistics(parts.net)
        apply = ApplySums(sums, update)
        compiled = DistributedApply(apply, parts.optimizer.parameters, moving, self._ranks)
        return self._voting(compiled, compiled.all_ranks)

    def _voting(self, compiled: nn.Cell, all_ranks: AllRanks) -> Callable[..., Tensor]:
        run = execution_mode.executable(compiled)

        def take(*arguments: Tensor) -> Tensor:
            vote = Tensor(np.array([1.0 if self._stop() else 0.0]), all_ranks.wide)
            return collectives.call_collective(lambda: self._taken(run(vote, *arguments)))

        return take

    def _taken(self, result: Sequence[Tensor]) -> Tensor:
        report, votes = result
        self._votes = float(votes.asnumpy())
        return report

    def stopped(self) -> str:
        """Return why to stop, after the same step on all ranks; empty: continue."""
        return (self._stop() or "stopped") if self._votes else ""

"""Distributed step: each rank takes its share of the batch; all end with the same weights."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import mindspore as ms
import numpy as np
from mindspore import Tensor, amp, nn, ops

from trainer.backend.graph import module_tree
from trainer.distributed import collectives
from trainer.engine.loop_spec import Loop
from trainer.engine.train_step import TrainStep

Make = Callable[[nn.Cell], Callable[..., Tensor]]


def distribute(
    loop: Loop,
    loss: nn.Cell,
    scaler: amp.LossScaler | None,
    ranks: int,
    around: Callable[[Make], Callable[..., Tensor]] | None = None,
) -> Loop:
    """Return the loop of one of several ranks.

    Args:
        loop: as for one process, except that its batches are this rank's shares.
        loss: see ``TrainStep``.
        scaler: see ``TrainStep``.
        ranks: how many there are.
        around: builds the step from a function that builds one for a model; None: for the loop's.
    """
    exchange = Exchange(loop.stop_reason, ranks)
    around = around or (lambda make: make(loop.model))
    return replace(
        loop,
        make_step=lambda optimizer: around(lambda net: exchange.step(net, loss, optimizer, scaler)),
        stop_reason=exchange.stopped,
        world_size=ranks,
    )


class DistributedStep(TrainStep):
    """A step whose gradients, loss and statistics are the mean over all ranks.

    All of it is sent in one vector, because a collective costs about the same whatever its size,
    and because several at a time might run in another order on another rank.

    Args:
        net, loss, optimizer, scaler: see ``TrainStep``.
        ranks: how many there are.
    """

    def __init__(
        self,
        net: nn.Cell,
        loss: nn.Cell,
        optimizer: nn.Optimizer,
        scaler: amp.LossScaler | None,
        ranks: int,
    ) -> None:
        super().__init__(net, loss, optimizer, scaler)
        self.ranks = ranks
        self.moving = module_tree.moving_statistics(net)
        parts = [*optimizer.parameters, *self.moving]
        ends = list(accumulate((int(part.size) for part in parts), initial=0))
        self.places = tuple(pairwise(ends))
        self.end = ends[-1]
        wide = any(part.dtype == ms.float64 for part in parts)
        self.wide = ms.float64 if wide else ms.float32
        self.sum = ops.AllReduce()

    def construct(self, vote: Tensor, *batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss before the update, and how many of the ranks vote for a stop.

        Args:
            vote: 1 if this rank is to stop, else 0; of shape (1,).
            batch: this rank's share of it.
        """
        before = [statistic + 0 for statistic in self.statistics]
        (_, loss), gradients = self.gradients(*batch)
        tensors = [*gradients, *self.moving]
        flat = [part.reshape(-1).astype(self.wide) for part in tensors]
        total = self.sum(ops.concat([*flat, loss.reshape(-1).astype(self.wide), vote]))
        mean = total / self.ranks
        means = [
            mean[start:end].reshape(part.shape).astype(part.dtype)
            for part, (start, end) in zip(tensors, self.places)  # noqa: B905 (not in a graph)
        ]
        for statistic, value in zip(self.moving, means[len(gradients) :]):  # noqa: B905
            ops.assign(statistic, value)
        mean_loss = mean[self.end].astype(ms.float32)
        return self.update(mean_loss, tuple(means[: len(gradients)]), before), total[self.end + 1]


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
        self, net: nn.Cell, loss: nn.Cell, optimizer: nn.Optimizer, scaler: amp.LossScaler | None
    ) -> Callable[..., Tensor]:
        """Return a step like ``TrainStep``, which takes this rank's share of each batch."""
        compiled = DistributedStep(net, loss, optimizer, scaler, self._ranks)

        def take(*batch: Tensor) -> Tensor:
            vote = Tensor(np.array([1.0 if self._stop() else 0.0]), compiled.wide)
            return collectives.call_collective(lambda: self._taken(compiled(vote, *batch)))

        return take

    def _taken(self, result: Sequence[Tensor]) -> Tensor:
        loss, votes = result
        self._votes = float(votes.asnumpy())
        return loss

    def stopped(self) -> str:
        """Return why to stop, after the same step on all ranks; empty: continue."""
        return (self._stop() or "stopped") if self._votes else ""

"""Exchange: a step of several ranks, each with its share of the batch, that ends alike on all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import mindspore as ms
import numpy as np
from mindspore import Tensor, amp, nn, ops

from trainer.backend.graph import module_tree
from trainer.distributed import collectives
from trainer.engine.loop import Loop
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
        loop: as it is for one process alone, but that its batches are this rank's shares.
        loss: see ``Step``.
        scaler: see ``Step``.
        ranks: how many.
        around: turns what makes a step of a net into a step; None: of the loop's net.
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

    All of it goes in one vector, for one collective costs about as much as another, whatever its
    size, and many at a time might meet in another order on another rank.

    Args:
        net, loss, optimizer, scaler: see ``Step``.
        ranks: how many.
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
        found = [*gradients, *self.moving]
        flat = [part.reshape(-1).astype(self.wide) for part in found]
        total = self.sum(ops.concat([*flat, loss.reshape(-1).astype(self.wide), vote]))
        mean = total / self.ranks
        means = [
            mean[start:end].reshape(part.shape).astype(part.dtype)
            for part, (start, end) in zip(found, self.places)  # noqa: B905 (not in a graph)
        ]
        for statistic, value in zip(self.moving, means[len(gradients) :]):  # noqa: B905
            ops.assign(statistic, value)
        shared = mean[self.end].astype(ms.float32)
        return self.update(shared, tuple(means[: len(gradients)]), before), total[self.end + 1]


class Exchange:
    """Makes such steps, and tells what they have agreed on about stopping.

    Args:
        stop: tells why this rank is to stop; empty: go on.
        ranks: how many there are.
    """

    def __init__(self, stop: Callable[[], str], ranks: int) -> None:
        self._stop = stop
        self._ranks = ranks
        self._votes = 0.0

    def step(
        self, net: nn.Cell, loss: nn.Cell, optimizer: nn.Optimizer, scaler: amp.LossScaler | None
    ) -> Callable[..., Tensor]:
        """Return a step like ``Step``, to be given this rank's share of each batch."""
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
        """Return why to stop, the same step on all ranks; empty: go on."""
        return (self._stop() or "stopped") if self._votes else ""

"""Finite check: ends a step by an error, before anything is updated, if its loss is not finite.

A branch does the same. But on a CPU MindSpore 2.10 runs a graph with a branch in threads of its
own, and handing over to them takes longer than the computations of a small model.
"""

import math

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops


class FiniteCheck(nn.Cell):
    """Raises a RuntimeError within a graph unless the loss is finite.

    MindSpore keeps the order of the operators that write to memory, so what the graph writes after
    this call is not written. It runs the graph no more afterwards.
    """

    def __init__(self) -> None:
        super().__init__(auto_prefix=False)
        self.loss = Parameter(Tensor(0.0, ms.float32), name="trainer.loss", requires_grad=False)
        self.gather = ops.GatherNd()

    def construct(self, loss: Tensor) -> bool:
        """Return True."""
        ops.assign(self.loss, loss)  # the error does not state it
        ops.assign(self.loss, self._checked())  # a write, because only writes keep their order
        return True

    def _checked(self) -> Tensor:
        """Return the loss, gathered from index 0 if it is finite, else from -1: an error.

        CheckNumerics does this too, but MindSpore deprecates it, and Assert prints a text.
        """
        index = ops.isfinite(self.loss).astype(ms.int32) - 1
        return self.gather(self.loss.reshape((1,)), index.reshape((1, 1))).reshape(())

    def failed_loss(self) -> float | None:
        """Return the loss that ended the graph; None: the last loss was finite."""
        loss = float(self.loss.asnumpy())
        return None if math.isfinite(loss) else loss

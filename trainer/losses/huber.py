"""Huber loss of outputs and labels of the same shape, as PyTorch's ``HuberLoss`` defines it."""

import mindspore as ms
from mindspore import Tensor, nn, ops

from trainer.losses.arguments import checked_positive


class HuberLoss(nn.Cell):
    """The mean over all outputs: squared below a difference of ``delta``, linear above.

    Args:
        delta: the difference from which it is linear, above 0.
    """

    tasks = ("regression",)

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = checked_positive("delta", delta)

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the mean."""
        return ops.huber_loss(output, label.astype(output.dtype), "mean", self.delta)

    def total_weight(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the number of outputs."""
        return Tensor(output.size, ms.float32)

"""Mean squared error of outputs and labels of the same shape, as PyTorch defines it."""

import mindspore as ms
from mindspore import Tensor, nn


class MSELoss(nn.MSELoss):
    """The mean over all outputs of the squared difference."""

    tasks = ("regression",)

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the mean."""
        return super().construct(output, label.astype(output.dtype))

    def total_weight(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the number of outputs."""
        return Tensor(output.size, ms.float32)

"""Total weight: what a loss has divided by, so that means of several batches can be combined."""

from typing import Any

import mindspore as ms
from mindspore import Tensor, nn


def total_weight(loss: nn.Cell, output: Any, label: Tensor) -> Tensor:
    """Return what the mean over a batch was divided by, as a float32 scalar.

    It is what the loss's own ``total_weight`` returns. A loss without that method weighs each
    sample 1. Values over several batches are sum(weight * value) / sum(weight); a weight of 0 is a
    batch that does not count. It can be called in a graph.

    Args:
        loss: a cell of (output, label) that returns a mean.
        output: the model's.
        label: of the same samples.
    """
    if hasattr(loss, "total_weight"):
        return loss.total_weight(output, label)
    return Tensor(label.shape[0], ms.float32)

"""Binary cross-entropy with logits, as PyTorch's ``BCEWithLogitsLoss``: several labels at once."""

from collections.abc import Sequence

import mindspore as ms
from mindspore import Tensor, nn, ops

from trainer.losses.arguments import checked_not_negative, checked_numbers


class BCEWithLogitsLoss(nn.Cell):
    """The mean over all outputs of the cross-entropy of a logit and a label between 0 and 1.

    Args:
        pos_weight: the weight of labels of 1: a number, or a list of one for each class, which
            lie along the last axis; None: 1.
    """

    tasks = ("multilabel",)
    activation = "sigmoid"

    def __init__(self, pos_weight: Sequence[float] | float | None = None) -> None:
        super().__init__()
        self.pos_weight = None
        if pos_weight is not None:
            is_list = isinstance(pos_weight, list | tuple)
            check = checked_numbers if is_list else checked_not_negative
            self.pos_weight = Tensor(check("pos_weight", pos_weight), ms.float32)

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the mean."""
        label = label.astype(logits.dtype)
        pos_weight = self.pos_weight
        if pos_weight is not None:
            pos_weight = pos_weight.astype(logits.dtype)
        return ops.binary_cross_entropy_with_logits(logits, label, None, pos_weight, "mean")

    def total_weight(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the number of outputs."""
        return Tensor(logits.size, ms.float32)

    def shape_problem(self, output: Sequence[int]) -> str:
        """Return why the weights do not fit outputs of a shape; empty: they do."""
        weight = self.pos_weight
        if weight is None or weight.ndim == 0 or weight.shape[0] == output[-1]:
            return ""
        return (
            f"loss.pos_weight: expected {output[-1]} weights, one for each output of the model, "
            f"received {weight.shape[0]}"
        )

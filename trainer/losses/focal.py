"""Focal loss, as torchvision's ``sigmoid_focal_loss`` with reduction ``mean`` defines it."""

import mindspore as ms
from mindspore import Tensor, nn, ops

from trainer.losses.arguments import (
    checked_label,
    checked_not_negative,
    checked_share,
    checked_whole,
    collect_errors,
)


class FocalLoss(nn.Cell):
    """The mean over all outputs of the cross-entropy of a logit, less for those that are right.

    Labels have the shape of the logits, each between 0 and 1; or they are class numbers, from which
    the labels 1 of the class and 0 of all others are made.

    Args:
        alpha: the weight of labels of 1; that of 0 is 1 - alpha; None: both weigh 1.
        gamma: the power of the share by which an output is wrong; 0: the cross-entropy itself.
        ignore_index: class numbers of this value do not count; None: all do.
        class_axis: the axis of the logits along which the classes lie.
    """

    tasks = ("classification", "multilabel")
    activation = "sigmoid"

    def __init__(
        self,
        alpha: float | None = 0.25,
        gamma: float = 2.0,
        ignore_index: int | None = None,
        class_axis: int = 1,
    ) -> None:
        super().__init__()
        with collect_errors() as checked:
            alpha = None if alpha is None else checked(checked_share, "alpha", alpha)
            gamma = checked(checked_not_negative, "gamma", gamma)
            self.ignore_index = checked(checked_label, "ignore_index", ignore_index)
            self.class_axis = checked(checked_whole, "class_axis", class_axis)
        self.alpha = None if alpha is None else _tensor(alpha)
        self.gamma = _tensor(gamma)
        self.skipped = Tensor(-1 if ignore_index is None else ignore_index, ms.int32)
        self.one, self.zero = _tensor(1.0), _tensor(0.0)

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the mean."""
        if self.class_axis != 1:
            logits = ops.movedim(logits, self.class_axis, 1)
            if label.ndim == logits.ndim:
                label = ops.movedim(label, self.class_axis, 1)
        logits = logits.astype(ms.float32)
        if label.ndim == logits.ndim:
            return self._values(logits, label.astype(ms.float32)).mean()
        counted = (label != self.skipped).astype(ms.float32)
        hot = ops.one_hot(
            label * counted.astype(label.dtype), logits.shape[1], self.one, self.zero, 1
        )
        values = self._values(logits, hot) * counted.expand_dims(1)
        total = self.total_weight(logits, label)
        return values.sum() / ops.select(total > 0, total, self.one)

    def _values(self, logits: Tensor, label: Tensor) -> Tensor:
        entropy = ops.binary_cross_entropy_with_logits(logits, label, None, None, "none")
        share = ops.sigmoid(logits)
        wrong = share * (self.one - label) + (self.one - share) * label
        values = entropy * ops.pow(wrong, self.gamma)
        if self.alpha is None:
            return values
        return values * (self.alpha * label + (self.one - self.alpha) * (self.one - label))

    def total_weight(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the number of outputs that count."""
        if label.ndim == logits.ndim or self.ignore_index is None:
            return Tensor(logits.size, ms.float32)
        counted = (label != self.skipped).astype(ms.float32)
        return counted.sum() * (logits.size // label.size)


def _tensor(value: float) -> Tensor:
    return Tensor(value, ms.float32)

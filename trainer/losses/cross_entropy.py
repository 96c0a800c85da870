"""Cross-entropy of class scores, as PyTorch's ``CrossEntropyLoss`` defines it."""

from collections.abc import Sequence

import mindspore as ms
from mindspore import Tensor, nn, ops

from trainer.losses import class_weights as weights_of
from trainer.losses.arguments import checked_label, checked_share, checked_whole, collect_errors

# A label that MindSpore ignores by default; the check of labels refuses it.
_NONE_IGNORED = -100


class CrossEntropyLoss(nn.Cell):
    """The mean cross-entropy over the labels that count, weighted by their classes.

    Labels are class numbers, or the probabilities of all classes. Unlike PyTorch's, the mean is 0
    and not NaN where no label counts.

    Args:
        label_smoothing: the share of each label that is spread over all classes, 0 to below 1.
        class_weights: a weight for each class, or ``balanced``: ``set_class_counts`` sets them.
        ignore_index: labels of this value do not count; None: all do.
        class_axis: the axis of the scores along which the classes lie.
    """

    tasks = ("classification",)
    activation = "softmax"

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | str | None = None,
        ignore_index: int | None = None,
        class_axis: int = 1,
    ) -> None:
        super().__init__()
        with collect_errors() as checked:
            self.label_smoothing = checked(
                checked_share, "label_smoothing", label_smoothing, below_one=True
            )
            self.class_weights = checked(weights_of.checked, class_weights)
            self.ignore_index = checked(checked_label, "ignore_index", ignore_index)
            self.class_axis = checked(checked_whole, "class_axis", class_axis)
        self.weights = weights_of.tensor(self.class_weights)
        self.ignored = _NONE_IGNORED if ignore_index is None else ignore_index
        self.skipped = Tensor(self.ignored, ms.int32)
        self.one = Tensor(1.0, ms.float32)

    def construct(self, scores: Tensor, label: Tensor) -> Tensor:
        """Return the mean."""
        if self.class_axis != 1:
            scores = ops.movedim(scores, self.class_axis, 1)
            if label.ndim == scores.ndim:
                label = ops.movedim(label, self.class_axis, 1)
        if self._counts_all(label) or label.ndim == scores.ndim:
            return self._entropy(scores, label, "mean")
        total = self.total_weight(scores, label)
        total = ops.select(total > 0, total, self.one)
        return self._entropy(scores.astype(ms.float32), label, "sum") / total

    def total_weight(self, scores: Tensor, label: Tensor) -> Tensor:
        """Return the sum of the weights of the labels that count."""
        if label.ndim == scores.ndim:
            return Tensor(label.size / scores.shape[self.class_axis], ms.float32)
        if self._counts_all(label):
            return Tensor(label.size, ms.float32)
        counted = (label != self.skipped).astype(ms.float32)
        if self.weights is None:
            return counted.sum()
        return (counted * ops.gather(self.weights, label * counted.astype(label.dtype), 0)).sum()

    def shape_problem(self, output: Sequence[int]) -> str:
        """Return why the weights do not fit outputs of a shape; empty: they do."""
        return weights_of.length_problem(self.class_weights, output[self.class_axis])

    def set_class_counts(self, counts: Sequence[int]) -> None:
        """Set the weights of ``class_weights=balanced``, from the training labels of each class."""
        self.set_class_weights(weights_of.balanced(counts))

    def set_class_weights(self, weights: Sequence[float]) -> None:
        """Set the weights, before the loss is compiled."""
        self.class_weights = list(weights)
        self.weights = weights_of.tensor(self.class_weights)

    def _counts_all(self, label: Tensor) -> bool:
        return self.weights is None and self.ignore_index is None

    def _entropy(self, scores: Tensor, label: Tensor, reduction: str) -> Tensor:
        parts = self.weights, self.ignored, reduction, self.label_smoothing
        return ops.cross_entropy(scores, label, *parts)

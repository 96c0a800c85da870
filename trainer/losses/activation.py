"""Activation: how outputs become probabilities, which the loss of a training determines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # outputs of an exported file need no MindSpore
    from mindspore import nn

Activation: TypeAlias = Literal["softmax", "sigmoid", "identity"]
"""``identity``: outputs are probabilities already."""

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

# Of MindSpore's losses; the others are for outputs that are no logits of classes.
_SOFTMAX = ("CrossEntropyLoss", "SoftmaxCrossEntropyWithLogits", "NLLLoss", "FocalLoss")
_SIGMOID = ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
_IDENTITY = ("BCELoss",)


def activation_of(loss: "nn.Cell") -> Activation | None:
    """Return what turns outputs into probabilities; None: they are numbers, or it is not known.

    A custom loss may have an attribute ``activation``. The softmax of the logarithms that
    ``nn.NLLLoss`` expects is the probabilities themselves.
    """
    from mindspore import nn

    if (own := getattr(loss, "activation", None)) in ACTIVATIONS:
        return own
    groups: dict[Activation, Sequence[str]] = {
        "softmax": _SOFTMAX,
        "sigmoid": _SIGMOID,
        "identity": _IDENTITY,
    }
    for activation, names in groups.items():
        if isinstance(loss, tuple(getattr(nn, name) for name in names)):
            return activation
    return None


def activate(activation: Activation | None, outputs: NDArray[Any], axis: int = 1) -> NDArray[Any]:
    """Return the probabilities of outputs, or the outputs themselves, in float64.

    Args:
        activation: of the loss; None: the outputs are numbers.
        outputs: [N, classes, ...].
        axis: along which the classes lie.
    """
    values = np.asarray(outputs, np.float64)
    if activation == "softmax":
        with np.errstate(invalid="ignore"):  # of infinite outputs: they have no probabilities
            exponentials = np.exp(values - values.max(axis=axis, keepdims=True))
            return exponentials / exponentials.sum(axis=axis, keepdims=True)
    if activation == "sigmoid":
        return np.exp(-np.logaddexp(0, -values))
    return values

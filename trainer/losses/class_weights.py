"""Class weights: given as a list, or balanced by the number of training labels of each class."""

from collections.abc import Sequence
from typing import Any

import mindspore as ms
from mindspore import Tensor

from trainer.core import text
from trainer.losses.arguments import checked_numbers

BALANCED = "balanced"


def checked(weights: Any) -> list[float] | str | None:
    """Return the weights as numbers, ``balanced``, or None.

    Raises:
        ValueError: they are something else.
    """
    if weights is None or weights == BALANCED:
        return weights
    if isinstance(weights, str):
        raise ValueError(
            f"expected class_weights to be a list of numbers or {BALANCED}, received {weights!r}"
        )
    return checked_numbers("class_weights", weights)


def tensor(weights: list[float] | str | None) -> Tensor | None:
    """Return the weights for a graph; None: each class weighs 1, or they are not known yet."""
    return Tensor(weights, ms.float32) if isinstance(weights, list) else None


def length_problem(weights: list[float] | str | None, classes: int) -> str:
    """Return what is wrong with the number of weights; empty: nothing."""
    if not isinstance(weights, list) or len(weights) == classes:
        return ""
    return (
        f"loss.class_weights: expected {classes} weights, one for each class of the model, "
        f"received {len(weights)}"
    )


def balanced(counts: Sequence[int]) -> list[float]:
    """Return n_labels / (n_classes * count) for each class, as scikit-learn does.

    Raises:
        ValueError: a class has no label; scikit-learn refuses that as well.
    """
    if absent := [str(number) for number, count in enumerate(counts) if not count]:
        raise ValueError(
            f"expected training labels of all {len(counts)} classes, received none of "
            f"{text.shorten(absent)}; give the weights as a list"
        )
    return [sum(counts) / (len(counts) * count) for count in counts]

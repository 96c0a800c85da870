"""What torchvision and timm need, to be imported next to PyTorch's build for CPUs."""

from functools import cache

from torch import library

_OPERATORS = library.Library("torchvision", "FRAGMENT")


@cache
def define_operators() -> None:
    """Define the operators that torchvision's import looks for; a parity test calls neither."""
    for name in ("nms", "qnms"):
        _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

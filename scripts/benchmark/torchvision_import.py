"""What torchvision's build for CUDA needs, to be imported next to PyTorch's build for CPUs."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from torch import library

_OPERATORS = library.Library("torchvision", "FRAGMENT")


@cache
def prepare() -> None:
    """Define the operators that its import looks for, but cannot load; no loop calls them.

    Call it before anything imports torchvision.
    """
    if "+cpu" in version("torch") and not _is_for_cpus():
        for name in ("nms", "qnms"):
            _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _is_for_cpus() -> bool:
    try:
        return "+cpu" in version("torchvision")
    except PackageNotFoundError:
        return True

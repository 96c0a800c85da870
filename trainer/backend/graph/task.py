"""Task: what a model is trained for, as its outputs and labels show."""

from typing import Any

import mindspore as ms
from mindspore import Tensor


def is_classification(output: Any, label: Tensor) -> bool:
    """Tell whether labels are class numbers for scores of shape [N, classes, ...]."""
    if not isinstance(output, Tensor):
        return False
    return output.ndim == label.ndim + 1 and label.dtype in {ms.int32, ms.int64}

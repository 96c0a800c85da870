"""Types of batches."""

from collections.abc import Sequence
from typing import Any

from mindspore import Tensor
from numpy.typing import NDArray

Batch = Sequence[Tensor]
Columns = Sequence[NDArray[Any]]

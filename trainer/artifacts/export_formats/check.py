"""Check: how far the outputs of an exported file are from those of the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4  # of the largest output; 15 architectures in ONNX are tested within 1e-5


@dataclass(frozen=True)
class Check:
    """How far the outputs of a file are from those expected.

    Attributes:
        difference: the largest of all values; NaN if one is not finite where the other is.
        largest: the largest absolute value that is expected.
    """

    difference: float
    largest: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= TOLERANCE * self.largest

    def __str__(self) -> str:
        return f"largest difference {self.difference:.3g}, largest value {self.largest:.4g}"


def compare(expected: Sequence[NDArray[Any]], received: Sequence[NDArray[Any]]) -> Check:
    """Compare arrays one by one; another shape, or another number of arrays, does not agree."""
    largest = max((float(np.abs(array).max(initial=0)) for array in expected), default=0.0)
    if [array.shape for array in expected] != [array.shape for array in received]:
        return Check(float("nan"), largest)
    pairs = zip(expected, received, strict=True)
    differences = [np.abs(one.astype(np.float64) - other).max(initial=0) for one, other in pairs]
    return Check(float(np.max(differences, initial=0)), largest)


def worst(checks: Iterable[Check]) -> Check:
    """Return the first check that does not hold, or the one with the largest difference."""
    return max(checks, key=lambda check: (not check.holds, check.difference))

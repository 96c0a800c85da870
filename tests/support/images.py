"""Types of what the tests of images are given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MakeImages = Callable[..., Path]
Photo = NDArray[np.uint8]

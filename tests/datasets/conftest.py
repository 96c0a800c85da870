import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Write = Callable[[str, NDArray[Any]], Path]


@pytest.fixture
def write_idx(tmp_path: Path) -> Write:
    """Writes values as an IDX file of unsigned bytes, and gives its path."""

    def write(name: str, values: NDArray[Any]) -> Path:
        header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
        path = tmp_path / name
        path.write_bytes(header + values.astype(np.uint8).tobytes())
        return path

    return write


@pytest.fixture
def idx_folder(tmp_path: Path, write_idx: Write) -> Path:
    """A folder with the four files: 30 images for training, 20 for validation."""
    random = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        write_idx(f"{part}-images-idx3-ubyte", random.integers(0, 256, (count, 28, 28)))
        write_idx(f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path

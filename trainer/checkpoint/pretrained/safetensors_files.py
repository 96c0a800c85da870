"""Safetensors files: read without PyTorch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights

_BFLOAT16 = "BF16"
_TYPES = {
    **{f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}


def read(path: Path) -> Weights:
    """Read a safetensors file; bfloat16, which NumPy lacks, is widened to float32.

    Raises:
        ConfigError: the file is not complete, or holds other types that NumPy lacks.
    """
    try:
        content = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            [f"init_from: {path} is not a complete safetensors file ({error})"]
        ) from None
    if unknown := sorted({t["dtype"] for _, t in content} - {*_TYPES, _BFLOAT16}):
        raise ConfigError([f"init_from: {path} holds types that NumPy lacks: {', '.join(unknown)}"])
    return {name: _widened(**tensor) for name, tensor in content}


def _widened(dtype: str, shape: list[int], data: bytes) -> NDArray[np.generic]:
    if dtype == _BFLOAT16:  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(shape)
    return np.frombuffer(data, _TYPES[dtype]).reshape(shape)

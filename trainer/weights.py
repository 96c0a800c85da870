"""Weights: a net's parameters as NumPy arrays, and in safetensors files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from trainer.errors import Mistake
from trainer.tensors import Weights as Weights
from trainer.tensors import same_bits as same_bits
from trainer.tensors import write as write

_BFLOAT16 = "BF16"
_TYPES = {
    **{f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}


def fetch(net: nn.Cell) -> Weights:
    """Return a copy of every parameter, by dotted path, on the host."""
    return {name: np.array(p.asnumpy()) for name, p in net.parameters_and_names()}


def read(path: Path) -> Weights:
    """Read a safetensors file; bfloat16, which NumPy has not, is widened to float32.

    Raises:
        Mistake: the file is not safetensors, is cut short, or holds another type unknown to NumPy.
    """
    try:
        content = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError) as error:
        raise Mistake([f"init_from: {path} is not a whole safetensors file ({error})"]) from None
    if strange := sorted({t["dtype"] for _, t in content} - {*_TYPES, _BFLOAT16}):
        raise Mistake([f"init_from: {path} holds a type that NumPy has not: {', '.join(strange)}"])
    return {name: _array(**tensor) for name, tensor in content}


def _array(dtype: str, shape: list[int], data: bytes) -> NDArray[np.generic]:
    if dtype == _BFLOAT16:  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(shape)
    return np.frombuffer(data, _TYPES[dtype]).reshape(shape)


def put(net: nn.Cell, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Put back the weights of this net, or those of another that it has in common with it."""
    for name, parameter in net.parameters_and_names():
        if name in weights and weights[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(weights[name], dtype=parameter.dtype))

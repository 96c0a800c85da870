"""Weights: a net's parameters as NumPy arrays, and in safetensors files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

from trainer import files
from trainer.errors import Mistake

Weights = dict[str, NDArray[np.generic]]

_BFLOAT16 = "BF16"
_TYPES = {
    **{f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}


def fetch(net: nn.Cell) -> Weights:
    """Return a copy of every parameter, by dotted path, on the host."""
    return {name: np.array(p.asnumpy()) for name, p in net.parameters_and_names()}


def same_bits(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    """Tell whether two arrays of one shape are equal bit for bit, NaN and -0.0 included."""
    one, other = (np.atleast_1d(array).view(np.uint8) for array in (before, after))
    return bool(np.array_equal(one, other))


def write(path: Path, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Write a safetensors file whole."""
    with files.whole(path) as partial:
        try:
            save_file({name: np.asarray(a, order="C") for name, a in weights.items()}, partial)
        except SafetensorError as error:  # how it tells of a full disk
            raise OSError(str(error)) from None


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

"""Weights: a net's parameters as NumPy arrays, fetched and put back."""

from collections.abc import Mapping

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.tensors import Weights


def fetch(net: nn.Cell) -> Weights:
    """Return a copy of every parameter, by dotted path, on the host."""
    return {name: np.array(p.asnumpy()) for name, p in net.parameters_and_names()}


def put(net: nn.Cell, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Put back the weights of this net, or those of another that it has in common with it."""
    for name, parameter in net.parameters_and_names():
        if name in weights and weights[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(weights[name], dtype=parameter.dtype))

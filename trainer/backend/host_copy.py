"""Weights: a net's parameters as NumPy arrays, fetched and put back."""

from collections.abc import Mapping

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.core.tensors import Weights, alike


class HostCopy:
    """A net's parameters on the host, followed from epoch to epoch.

    Args:
        net: the net; it may gain and lose parameters.
    """

    def __init__(self, net: nn.Cell) -> None:
        self._net = net
        self._held: Weights = {}

    def fetch(self) -> Weights:
        """Return every parameter, by dotted path; none of the arrays changes any more.

        What has the same bits as the last time is the same array, neither copied nor, by whom it is
        given, compared again: of a net that is mostly frozen, that is nearly all.
        """
        self._held = {
            name: self._kept(name, parameter.asnumpy())
            for name, parameter in self._net.parameters_and_names()
        }
        return dict(self._held)

    def _kept(self, name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
        held = self._held.get(name)
        if held is not None and alike(held, array):
            return held
        copied = np.array(array)
        copied.flags.writeable = False
        return copied


def to_numpy(net: nn.Cell) -> Weights:
    """Return a copy of every parameter, by dotted path, on the host."""
    return {name: np.array(p.asnumpy()) for name, p in net.parameters_and_names()}


def from_numpy(net: nn.Cell, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Put back the weights of this net, or those of another that it has in common with it."""
    for name, parameter in net.parameters_and_names():
        if name in weights and weights[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(weights[name], dtype=parameter.dtype))

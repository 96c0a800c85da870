"""Host copy: a model's parameters as NumPy arrays, fetched and put back."""

from collections.abc import Mapping

import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.core.tensors import Weights, alike


class HostCopy:
    """A model's parameters on the host, updated from epoch to epoch.

    Args:
        model: the model; it may gain and lose parameters.
    """

    def __init__(self, model: nn.Cell) -> None:
        self._model = model
        self._copies: Weights = {}

    def fetch(self) -> Weights:
        """Return every parameter by dotted path; none of the arrays changes later.

        A tensor with the same bits as at the last call is the same array. It is not copied, and the
        receiver need not compare it again: in a mostly frozen model that is nearly all of them.
        """
        self._copies = {
            name: self._copy(name, parameter.asnumpy())
            for name, parameter in self._model.parameters_and_names()
        }
        return dict(self._copies)

    def _copy(self, name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
        previous = self._copies.get(name)
        if previous is not None and alike(previous, array):
            return previous
        copy = np.array(array)
        copy.flags.writeable = False
        return copy


def to_numpy(model: nn.Cell) -> Weights:
    """Return a copy of every parameter on the host, by dotted path."""
    return {name: np.array(p.asnumpy()) for name, p in model.parameters_and_names()}


def from_numpy(model: nn.Cell, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Put weights back into a model: those of equal name and shape; the others are ignored."""
    for name, parameter in model.parameters_and_names():
        if name in weights and weights[name].shape == tuple(parameter.shape):
            parameter.set_data(Tensor(weights[name], dtype=parameter.dtype))

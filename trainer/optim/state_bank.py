"""State bank: what optimizers have kept of each parameter, from one phase of a run to the next."""

from collections.abc import Collection, Mapping

import numpy as np
from mindspore import Parameter, Tensor, nn

from trainer.backend.optimizer_state import optimizer_state
from trainer.phases.phase import OptimizerState


class StateBank:
    """The state of optimizers by name, also of parameters that are frozen for a while.

    Attributes:
        arrays: on the host, what the present optimizer does not have.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def keep(self, optimizer: nn.Optimizer) -> None:
        """Take over what an optimizer has."""
        state = optimizer_state(optimizer)
        self.arrays |= {name: np.array(p.asnumpy()) for name, p in state.items()}

    def restore(
        self, optimizer: nn.Optimizer, how: OptimizerState, trained: Collection[str]
    ) -> None:
        """Give a new optimizer what is known under the same names; no graph may hold it yet.

        Args:
            optimizer: its state is fresh.
            how: see ``Phase``; what is not carried over is forgotten.
            trained: names of the parameters that trained in the phase before.
        """
        if how == "reset":
            self.arrays.clear()
        state = optimizer_state(optimizer)
        thawed = [p.name for p in optimizer.parameters if p.name not in {*trained}]
        fresh = _of_parameters(state, thawed) if how == "new" else set[str]()
        for name, parameter in state.items():
            array = self.arrays.pop(name, None)
            if array is not None and name not in fresh and array.shape == tuple(parameter.shape):
                parameter.set_data(Tensor(array, dtype=parameter.dtype))


def _of_parameters(state: Mapping[str, Parameter], parameters: Collection[str]) -> set[str]:
    """Return the names of the state that belongs to some parameters: ``moment1.conv1.weight``."""
    return {name for name in state if name.partition(".")[2] in {*parameters}}

"""Examples: an input made up for a net from its first layer, so that no data need be read."""

from collections.abc import Iterator
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from trainer import eager

_SAMPLES = 2  # the least that batch normalisation takes in training mode
_SIDES = (32, 64, 224, 256, 299, 384, 448, 192, 160, 240)  # pixels; what most nets take, first
_TOKENS = 8  # words a sample


def example_input(net: nn.Cell) -> Tensor | None:
    """Return an input of two samples that the net takes, always the same; None if none was found.

    Args:
        net: the net; it is left as it was.
    """
    with eager.mode(), eager.unchanged(net):
        net.set_train(True)
        return next((made for made in _candidates(net) if _takes(net, made)), None)


def _candidates(net: nn.Cell) -> Iterator[Tensor]:
    """Yield inputs that the first layer takes, the smallest first."""
    for _, cell in net.cells_and_names():
        if isinstance(cell, nn.Conv2d):
            for side in _SIDES:
                yield _noise(cell.in_channels, side, side)
            return
        if isinstance(cell, nn.Dense):
            yield _noise(cell.in_channels)
            return
        if isinstance(cell, nn.Embedding):
            yield Tensor(np.zeros((_SAMPLES, _TOKENS), np.int32))
            return


def _noise(*shape: int) -> Tensor:
    made = np.random.default_rng(0).standard_normal((_SAMPLES, *shape), np.float32)
    return Tensor(made, ms.float32)


def _takes(net: nn.Cell, made: Tensor) -> bool:
    try:
        net(made)
    except Exception:  # whatever a net of any make raises for a shape that is not its own
        return False
    return True


class Total(nn.Cell):
    """The sum of all that a net puts out: a loss where there are no labels."""

    def construct(self, output: Any, label: Tensor) -> Tensor:
        """Return one number; the label is not looked at."""
        if isinstance(output, Tensor):
            return output.sum() if output.is_floating_point() else Tensor(0.0)
        parts = output.values() if isinstance(output, dict) else output
        return sum((self.construct(part, label) for part in parts), Tensor(0.0))

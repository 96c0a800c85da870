"""A graph with a branch gives what the one without gives, bit for bit."""

from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import Normed
from tests.support.training import IMAGES
from trainer.backend.cpu_threads import WithDummyBranch, with_dummy_branch
from trainer.backend.host_copy import to_numpy


class Pair(nn.Cell):
    """Puts out two tensors, one of them -0.0, which no sum would leave alone."""

    def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return -(x * 0), y + 1


def bits(output: Any) -> list[bytes]:
    parts = output if isinstance(output, tuple) else (output,)
    return [part.asnumpy().tobytes() for part in parts]


@pytest.mark.parametrize("net", [Normed(), Pair()])
def test_the_output_is_the_same(net: nn.Cell) -> None:
    inputs = IMAGES[:1] if isinstance(net, Normed) else (Tensor(np.ones(3, np.float32)),) * 2
    net.set_train(False)
    assert bits(with_dummy_branch(net)(*inputs)) == bits(net(*inputs))


def test_a_net_keeps_its_modes_and_its_parameters_their_names() -> None:
    net = Normed()
    net.set_train()
    net.bn1.set_train(False)
    names = list(to_numpy(net))
    wrapped = with_dummy_branch(net)
    assert isinstance(wrapped, WithDummyBranch)
    assert [name for name, _ in net.parameters_and_names()] == names
    assert [p.name for p in net.get_parameters()] == names
    assert (net.training, net.bn1.training) == (True, False)

"""The cause of a drift, as far as it shows without a step of training."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import TwoConvs
from trainer import Frozen, freeze
from trainer.core.errors import FrozenMoved


def causes(frozen: Frozen, optimizer: nn.Optimizer, *moved: Parameter) -> dict[str, str]:
    """Move weights as a step with a gradient does; return what verify says of each."""
    random = np.random.default_rng(0)
    for weight in moved:
        weight.set_data(Tensor(weight.asnumpy() + random.random(weight.shape, np.float32)))
    optimizer.global_step.set_data(optimizer.global_step + 1)
    with pytest.raises(FrozenMoved) as raised:
        frozen.verify()
    rows = str(raised.value).splitlines()[1:]
    return {row.split()[1]: row for row in rows}


def test_only_a_method_that_does_not_cut_is_to_blame() -> None:
    net = TwoConvs()
    rules = [{"select": "conv1"}, {"select": "conv2", "method": "requires_grad"}]
    frozen = freeze(net, rules)
    optimizer = nn.SGD(net.get_parameters(), 0.1)
    found = causes(frozen, optimizer, net.conv1.weight, net.conv2.weight)
    assert found["conv1.weight"].endswith("; a gradient reached it")
    assert found["conv2.weight"].endswith(
        "; a gradient reached it: requires_grad does not stop the gradient of parameters that an "
        "optimizer has"
    )


def test_cells_outside_the_model_that_own_a_weight_are_named() -> None:
    net, other = TwoConvs(), nn.SequentialCell(nn.Conv2d(1, 2, 3, pad_mode="valid"), nn.Flatten())
    frozen = freeze(net, "conv1", method="requires_grad")
    optimizer = nn.SGD(net.get_parameters(), 0.1)
    assert "tied" not in causes(frozen, optimizer, net.conv1.weight)["conv1.weight"]
    other[0].weight = net.conv1.weight
    text = causes(frozen, optimizer, net.conv1.weight)["conv1.weight"]
    assert "SGD was built after the freeze and was given it (it is tied: also in a Conv2d " in text
    assert text.count("outside the model") == 1

"""What is carried over between the optimizers of two phases."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from mindspore import Parameter, nn

from tests.support.nets import TwoConvs
from trainer.backend.optimizer_state import optimizer_state
from trainer.core.tensors import Weights
from trainer.optim.optimizers.adam import Adam
from trainer.optim.state_bank import StateBank


def adam(parameters: Sequence[Parameter]) -> nn.Optimizer:
    return Adam(list(parameters), 0.01)


def arrays(optimizer: nn.Optimizer) -> Weights:
    return {name: p.asnumpy() for name, p in optimizer_state(optimizer).items()}


def filled(optimizer: nn.Optimizer) -> nn.Optimizer:
    """Return the optimizer with another value in each part of its state."""
    for number, parameter in enumerate(optimizer_state(optimizer).values(), 1):
        parameter.set_data(parameter.value() + number)
    return optimizer


def test_the_state_of_what_is_frozen_for_a_while_comes_back() -> None:
    net, bank = TwoConvs(), StateBank()
    every, head = net.trainable_params(), net.fc.trainable_params()
    first = filled(adam(every))
    before = arrays(first)
    bank.keep(first)
    second = adam(head)
    bank.restore(second, "keep", [p.name for p in every])
    assert "moment1.conv1.weight" in bank.arrays
    assert "moment1.fc.weight" not in bank.arrays, "the optimizer has it"
    bank.keep(second)
    third = adam(every)
    bank.restore(third, "keep", [p.name for p in head])
    after = arrays(third)
    assert all(np.array_equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("how", "thawed", "others"),
    [("keep", True, True), ("new", False, True), ("reset", False, False)],
)
def test_what_a_phase_carries_over(
    how: Literal["keep", "new", "reset"], thawed: bool, others: bool
) -> None:
    net, bank = TwoConvs(), StateBank()
    every, head = net.trainable_params(), net.fc.trainable_params()
    bank.keep(filled(adam(every)))
    last = adam(every)
    bank.restore(last, how, [p.name for p in head])
    state = arrays(last)
    assert state["moment1.conv1.weight"].any() == thawed
    assert state["step_count.conv1.weight"].any() == thawed
    assert state["moment1.fc.weight"].any() == others
    assert not bank.arrays


def test_a_longer_name_is_not_taken_for_its_end() -> None:
    weights = [Parameter(np.ones(2, np.float32), name) for name in ("weight", "block.weight")]
    bank = StateBank()
    bank.keep(filled(adam(weights)))
    last = adam(weights)
    bank.restore(last, "new", ["block.weight"])
    assert not arrays(last)["moment1.weight"].any()
    assert arrays(last)["moment1.block.weight"].any()

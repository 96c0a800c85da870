"""What two nets may differ in and still share a graph; the bits are tried in test_sweep.py."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeUniform

from tests.nets import TwoConvs
from trainer.sharing import alike, described


class Odd(nn.Cell):
    """A net with something of its own besides cells and parameters."""

    def __init__(self, own: Any) -> None:
        super().__init__()
        self.dense = nn.Dense(2, 2)
        self.own = own

    def construct(self, x: Tensor) -> Tensor:
        return self.dense(x)


def same(one: nn.Cell, other: nn.Cell) -> bool:
    return alike(described(one), described(other))


def test_nets_that_differ_in_their_values_are_alike() -> None:
    assert same(TwoConvs(), TwoConvs())


@pytest.mark.parametrize(
    "own",
    [
        1,
        "text",
        (1, 2),
        {"a": [1.5, None]},
        Tensor(np.arange(3), ms.float32),
        np.arange(3),
        ops.ReduceSum(keep_dims=True),
        HeUniform(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_things_are_alike(own: Any) -> None:
    assert same(Odd(own), Odd(own))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, True),
        ((1, 2), (1, 3)),
        ({"a": 1}, {"b": 1}),
        (Tensor([1.0]), Tensor([2.0])),
        (np.zeros(2), np.zeros(3)),
        (ops.ReduceSum(keep_dims=True), ops.ReduceSum(keep_dims=False)),
        ([Parameter(Tensor([1.0]))], [Parameter(Tensor([2.0]))]),  # which no list of them has
        (object(), object()),  # of a kind that cannot be compared
        (np.random.default_rng(0), np.random.default_rng(0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_things_that_differ_or_cannot_be_compared_are_not(one: Any, other: Any) -> None:
    assert not same(Odd(one), Odd(other))


def test_other_cells_shapes_and_flags_are_not_alike() -> None:
    assert not same(nn.Dense(2, 2), nn.Dense(2, 3))
    assert not same(nn.SequentialCell(nn.ReLU()), nn.SequentialCell(nn.Tanh()))
    assert not same(nn.ReLU(), nn.Tanh())
    frozen = nn.Dense(2, 2)
    frozen.weight.requires_grad = False
    assert not same(nn.Dense(2, 2), frozen)


def test_what_was_described_before_a_net_was_used_stays_as_it_was() -> None:
    net, fresh = TwoConvs(), TwoConvs()
    before = described(net)
    net.set_train(True)
    net(Tensor(np.zeros((1, 1, 6, 6)), ms.float32))
    assert alike(before, described(fresh))

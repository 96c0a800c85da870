import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from tests.nets import Normed, TwoConvs
from tests.stacks import Stack
from trainer import device
from trainer.examples import Total, example_input
from trainer.models.lenet5 import LeNet5
from trainer.settings import Device
from trainer.weights import fetch

device.select(Device(target="cpu"))  # as every command does before it runs a net


class Words(nn.Cell):
    """Rows of words; [N, T] int32 to [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.head = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.words(x).mean(1))


class Bare(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("net", "shape"), [(LeNet5, (2, 1, 32, 32)), (Stack, (2, 4)), (Words, (2, 8))]
)
def test_the_first_layer_tells_the_input(net: type[nn.Cell], shape: tuple[int, ...]) -> None:
    made = example_input(net())
    assert made is not None
    assert made.shape == shape


def test_a_small_picture_is_found_too() -> None:
    made = example_input(TwoConvs())
    assert made is not None
    assert made.shape == (2, 1, 6, 6)


@pytest.mark.parametrize("net", [Bare])
def test_none_where_no_size_fits(net: type[nn.Cell]) -> None:
    assert example_input(net()) is None


def test_the_net_is_left_as_it_was() -> None:
    net = nn.SequentialCell(Normed().conv1, Normed().bn1)
    before = fetch(net)
    assert example_input(net) is not None
    assert all(np.array_equal(before[name], array) for name, array in fetch(net).items())


def test_total_adds_up_whatever_comes_out() -> None:
    ones = ops.ones((2, 3))
    label = Tensor([0])
    assert float(Total()(ones, label).asnumpy()) == 6
    assert float(Total()((ones, [ones, Tensor([1])]), label).asnumpy()) == 12
    assert float(Total()({"out": ones}, label).asnumpy()) == 6

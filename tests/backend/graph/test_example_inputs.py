import pytest
from mindspore import Tensor, nn, ops

from tests.support.nets import TwoConvs
from tests.support.stacks import Stack
from trainer.backend import device
from trainer.backend.graph.example_inputs import Total, default_inputs, example_inputs
from trainer.backend.graph.tracer import trace
from trainer.config.groups import Device
from trainer.core.errors import ConfigError
from trainer.models.lenet5 import LeNet5

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


def taken(net: nn.Cell) -> tuple[int, ...]:
    """The shape of the first guess that a model accepts."""
    (shape,) = trace(net, default_inputs(net)).inputs
    return shape


@pytest.mark.parametrize(
    ("net", "shape"), [(LeNet5, (2, 1, 32, 32)), (Stack, (2, 4)), (Words, (2, 8))]
)
def test_the_first_layer_tells_the_input(net: type[nn.Cell], shape: tuple[int, ...]) -> None:
    assert taken(net()) == shape


def test_a_small_picture_is_found_too() -> None:
    assert taken(TwoConvs()) == (2, 1, 6, 6)


def test_no_guess_without_a_layer_of_a_known_kind() -> None:
    assert not list(default_inputs(Bare()))
    with pytest.raises(ConfigError, match="give a tensor, a shape"):
        trace(Bare(), example_inputs(Bare()))


def test_given_inputs_are_the_only_ones() -> None:
    ((_, batch),) = example_inputs(TwoConvs(), (3, 1, 6, 6))
    assert [column.shape for column in batch] == [(3, 1, 6, 6), (2,)]


def test_total_adds_up_whatever_comes_out() -> None:
    ones = ops.ones((2, 3))
    label = Tensor([0])
    assert float(Total()(ones, label).asnumpy()) == 6
    assert float(Total()((ones, [ones, Tensor([1])]), label).asnumpy()) == 12
    assert float(Total()({"out": ones}, label).asnumpy()) == 6

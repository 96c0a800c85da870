from collections.abc import Callable

import mindspore as ms
import pytest
from mindspore import Tensor, nn

from tests.support.nets import Tupled, TwoConvs
from tests.support.training import IMAGES, LOSS, ROWS
from trainer.backend.batch_types import Batch
from trainer.config import freeze_methods
from trainer.freezing import methods

ALL = ["requires_grad", "stop_gradient"]


def moving(net: nn.Cell, batch: Batch = IMAGES) -> set[str]:
    """Names of the parameters whose gradient is not zero, in GRAPH_MODE."""
    weights = list(net.get_parameters())

    def value(*batch: ms.Tensor) -> ms.Tensor:
        return LOSS(net(*batch[:-1]), batch[-1])

    _, gradients = ms.jit(ms.value_and_grad(value, None, weights))(*batch)
    pairs = zip(weights, gradients, strict=True)
    return {weight.name for weight, gradient in pairs if gradient.asnumpy().any()}


def freeze(name: str, net: nn.Cell) -> Callable[[], None]:
    return methods.load(name)([net.conv2], list(net.conv2.get_parameters()))


def test_names_are_found_by_file() -> None:
    assert freeze_methods.names() == ALL


@pytest.mark.parametrize(("name", "cuts"), [("requires_grad", False), ("stop_gradient", True)])
def test_whether_a_method_cuts(name: str, cuts: bool) -> None:
    assert freeze_methods.cuts(name) is cuts


@pytest.mark.parametrize("name", ALL)
def test_flags_are_cleared_and_restored_as_they_were(name: str) -> None:
    net = TwoConvs()
    net.conv2.bias.requires_grad = False
    before = [p.name for p in net.trainable_params()]
    undo = freeze(name, net)
    assert not net.conv2.trainable_params()
    undo()
    assert [p.name for p in net.trainable_params()] == before


@pytest.mark.parametrize("name", ALL)
def test_names_of_parameters_do_not_change(name: str) -> None:
    net = TwoConvs()
    before = [name for name, _ in net.parameters_and_names()]
    freeze(name, net)
    assert [name for name, _ in net.parameters_and_names()] == before


def test_a_cut_stops_the_gradient_until_it_is_undone() -> None:
    net = TwoConvs()
    undo = methods.load("stop_gradient")([net.conv2], [])
    assert moving(net) == {"fc.weight", "fc.bias"}
    undo()
    assert moving(net) == {p.name for p in net.get_parameters()}


def test_a_cut_stops_the_gradient_in_every_part_of_a_nested_tuple() -> None:
    net = Tupled()
    methods.load("stop_gradient")([net.halves], [])
    assert moving(net, ROWS) == {"head.weight", "head.bias"}


class Biased(nn.Dense):
    """A layer whose construct leads to that of its parent."""

    def construct(self, x: Tensor) -> Tensor:
        return super().construct(x) + 1


class Named(nn.Dense):
    """The same, the old way."""

    def construct(self, x: Tensor) -> Tensor:
        return super(Named, self).construct(x) + 1  # noqa: UP008


class Listed(nn.Cell):
    """Goes through a list of cells; [N, 4] to [N, 4]."""

    def __init__(self, *cells: nn.Cell) -> None:
        super().__init__()
        self.cells_of = nn.CellList(list(cells))

    def construct(self, x: Tensor) -> Tensor:
        for cell in self.cells_of:
            x = cell(x)
        return x


class Keyed(nn.Cell):
    """Goes through a dictionary of cells; [N, 4] to [N, 4]."""

    def __init__(self, *cells: nn.Cell) -> None:
        super().__init__()
        self.cells_of = nn.CellDict({f"at{at}": cell for at, cell in enumerate(cells)})

    def construct(self, x: Tensor) -> Tensor:
        for cell in self.cells_of.values():
            x = cell(x)
        return x


@pytest.mark.parametrize("hold", [nn.SequentialCell, Listed, Keyed])
@pytest.mark.parametrize("kind", [nn.Dense, Biased, Named])
def test_a_cut_stops_the_gradient_behind_a_cell_in_a_container(
    hold: Callable[..., nn.Cell], kind: type[nn.Cell]
) -> None:
    first, cut, last = nn.Dense(4, 4), kind(4, 4), nn.Dense(4, 4)
    net = hold(first, cut, last)
    undo = methods.load("stop_gradient")([cut], [])
    assert moving(net, ROWS) == {last.weight.name, last.bias.name}
    undo()
    assert type(cut) is kind
    assert moving(net, ROWS) == {p.name for p in net.get_parameters()}

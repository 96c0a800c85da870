import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import Dotted, Nested, Normed, Residual, Scaled
from tests.support.stacks import Stack, Tied, Twice
from trainer.backend.graph import module_tree


def test_cells_in_the_order_of_definition_without_the_root() -> None:
    assert [(cell.name, cell.kind) for cell in module_tree.describe(Normed()).cells] == [
        ("conv1", "Conv2d"),
        ("bn1", "BatchNorm2d"),
        ("dropout", "Dropout"),
        ("conv2", "Conv2d"),
        ("bn2", "BatchNorm2d"),
        ("flatten", "Flatten"),
        ("fc", "Dense"),
    ]


def test_lists_of_cells_are_never_called_themselves() -> None:
    called = {cell.name: cell.called for cell in module_tree.describe(Nested()).cells}
    assert not called["layers"]
    assert called["layers.0"]
    assert called["layers.0.0"]


def test_dictionaries_of_cells_are_never_called_themselves() -> None:
    net = nn.Cell()
    net.all = nn.CellDict({"one": nn.Dense(1, 1)})
    called = {cell.name: cell.called for cell in module_tree.describe(net).cells}
    assert called == {"all": False, "all.one": True}


def test_parameters_with_shape_bytes_and_owner() -> None:
    parameters = {p.name: p for p in module_tree.describe(Normed()).parameters}
    weight = parameters["conv2.weight"]
    assert (weight.shape, weight.nbytes) == ((2, 2, 3, 3), 144)
    assert (weight.cell, weight.trainable, weight.statistic) == ("conv2", True, False)


def test_statistics_are_told_from_weights() -> None:
    parameters = module_tree.describe(Normed()).parameters
    assert {p.name for p in parameters if p.statistic} == {
        f"{bn}.{name}" for bn in ("bn1", "bn2") for name in ("moving_mean", "moving_variance")
    }
    assert not any(p.trainable for p in parameters if p.statistic)


def test_the_nets_own_flags_and_parameters_count() -> None:
    net = nn.Dense(2, 3)
    net.scale = Parameter(Tensor(1.0), name="scale", requires_grad=False)
    scale = {p.name: p for p in module_tree.describe(net).parameters}["scale"]
    assert (scale.shape, scale.cell, scale.trainable) == ((), "", False)


def test_a_tied_parameter_stands_under_its_first_name() -> None:
    net = nn.SequentialCell(nn.Dense(2, 2, has_bias=False), nn.Dense(2, 2, has_bias=False))
    net[1].weight = net[0].weight
    assert [p.name for p in module_tree.describe(net).parameters] == ["0.weight"]


def test_names_are_what_a_pattern_may_take() -> None:
    net = nn.SequentialCell(nn.Dense(2, 2, has_bias=False), nn.ReLU())
    assert module_tree.describe(net).names == ("0", "1", "0.weight")


def test_a_tied_parameter_has_its_other_names_beside_it() -> None:
    parameters = {p.name: p.names for p in module_tree.describe(Tied()).parameters}
    assert parameters["encoder.weight"] == ("encoder.weight", "decoder.weight")
    assert parameters["decoder.bias"] == ("decoder.bias",)


def test_a_shared_cell_has_its_other_names_beside_it() -> None:
    tree = module_tree.describe(Twice())
    assert [(cell.name, cell.aliases) for cell in tree.cells] == [
        ("first", ("second",)),
        ("head", ()),
    ]
    assert "second.bias" in tree.names


@pytest.mark.parametrize("make", [Nested, Normed, Residual, Tied, Twice, Stack])
def test_names_and_their_order_are_those_of_mindspore(make: type[nn.Cell]) -> None:
    net, tree = make(), module_tree.describe(make())
    assert [c.name for c in tree.cells] == [name for name, _ in net.cells_and_names() if name]
    assert [p.name for p in tree.parameters] == [name for name, _ in net.parameters_and_names()]


class OwnNorm(nn.LayerNorm):
    pass


class PreNormed(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(1.0), name="weight")


@pytest.mark.parametrize(
    ("cell", "roles"),
    [
        (nn.Dense(2, 2), {"weight": "weight", "bias": "bias"}),
        (OwnNorm((4,)), {"gamma": "norm_scale", "beta": "norm_shift"}),
        (nn.GroupNorm(2, 4), {"gamma": "norm_scale", "beta": "norm_shift"}),
        (nn.PReLU(), {"w": "weight"}),
        (nn.Embedding(3, 2), {"embedding_table": "weight"}),
        (PreNormed(), {"weight": "weight"}),
    ],
)
def test_roles(cell: nn.Cell, roles: dict[str, str]) -> None:
    assert {p.name: p.role for p in module_tree.describe(cell).parameters} == roles


def test_a_parameters_own_name_may_have_dots() -> None:
    parameters = {p.name: p.cell for p in module_tree.describe(Dotted()).parameters}
    assert parameters["scaled.scales.0"] == parameters["scaled.scales.1"] == "scaled"
    assert {p.cell for p in module_tree.describe(Scaled()).parameters} == {""}
    assert module_tree.describe(Tied()).parameters[0].cells == ("encoder", "decoder")

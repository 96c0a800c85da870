from collections.abc import Callable

import pytest
from mindspore import Parameter, Tensor, mint, nn

from tests.support.nets import Normed
from trainer.checkpoint.pretrained import torch_names


class Holder(nn.Cell):
    """A net with one layer."""

    def __init__(self, layer: nn.Cell) -> None:
        super().__init__()
        self.layer = layer


NORM = {"gamma": "weight", "beta": "bias"}
STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}
LAYERS: list[tuple[Callable[[], nn.Cell], dict[str, str]]] = [
    (lambda: nn.BatchNorm1d(2), {**NORM, **STATISTICS}),
    (lambda: nn.BatchNorm2d(2), {**NORM, **STATISTICS}),
    (lambda: nn.InstanceNorm2d(2), {**NORM, **STATISTICS}),
    (lambda: nn.LayerNorm((2,)), NORM),
    (lambda: nn.GroupNorm(1, 2), NORM),
    (lambda: nn.Embedding(3, 2), {"embedding_table": "weight"}),
    (lambda: nn.PReLU(2), {"w": "weight"}),
    (lambda: nn.Dense(2, 2), {"weight": "weight", "bias": "bias"}),
    (lambda: mint.nn.BatchNorm2d(2), {"weight": "weight", "running_var": "running_var"}),
]


@pytest.mark.parametrize(("make", "names"), LAYERS)
def test_pytorchs_names_by_the_kind_of_cell(
    make: Callable[[], nn.Cell], names: dict[str, str]
) -> None:
    known = torch_names.parameter_by_name(Holder(make()))
    for own, abroad in names.items():
        assert known[f"layer.{own}"] == f"layer.{own}"
        assert known[f"layer.{abroad}"] == f"layer.{own}"


def test_a_cell_that_is_the_net_itself_and_one_inside_another() -> None:
    assert torch_names.parameter_by_name(nn.Embedding(3, 2))["weight"] == "embedding_table"
    known = torch_names.parameter_by_name(Holder(nn.BatchNorm3d(2)))
    assert known["layer.running_mean"] == "layer.bn2d.moving_mean"


@pytest.mark.parametrize("kind", ["Abstract", "Zoo"])
def test_another_cell_with_a_part_named_bn2d_is_not_one(kind: str) -> None:
    cell = type(kind, (nn.Cell,), {})()
    cell.bn2d = nn.BatchNorm2d(2)
    known = torch_names.parameter_by_name(Holder(cell))
    assert known["layer.bn2d.running_mean"] == "layer.bn2d.moving_mean"
    assert "layer.running_mean" not in known


def test_only_cells_that_normalise_have_a_scale() -> None:
    scaled = Holder(nn.Dense(2, 2))
    scaled.layer.gamma = Parameter(Tensor([1.0, 1.0]), name="gamma")
    assert torch_names.parameter_by_name(scaled)["layer.weight"] == "layer.weight"


def test_names_of_tied_parameters_and_of_mindspores_checkpoints() -> None:
    tied = nn.Cell()
    tied.embed = nn.Embedding(3, 2)
    tied.head = nn.Dense(2, 3, has_bias=False)
    tied.head.weight = tied.embed.embedding_table
    assert torch_names.parameter_by_name(tied)["head.weight"] == "embed.embedding_table"
    odd = nn.Cell()
    odd.scale = Parameter(Tensor(1.0), name="factor")
    assert torch_names.parameter_by_name(odd)["factor"] == "scale"


@pytest.mark.parametrize("prefix", ["", "module.", "module.model.", "_orig_mod."])
def test_what_a_wrapper_put_before_all_names(prefix: str) -> None:
    known = torch_names.parameter_by_name(Normed())
    assert torch_names.common_prefix([prefix + name for name in known], known) == prefix
    assert torch_names.common_prefix([*known, "other.weight"], known) == ""


def test_names_that_belong_to_the_net_are_no_wrapper() -> None:
    known = torch_names.parameter_by_name(Holder(nn.Dense(2, 2)))
    assert torch_names.common_prefix(["layer.weight", "layer.bias"], known) == ""
    assert torch_names.common_prefix([], known) == ""


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("moments.conv1.weight", True),
        ("moment1.bn1.gamma", True),
        ("global_step", True),
        ("learning_rate", True),
        ("conv9.weight", False),
        ("step", False),
    ],
)
def test_state_of_an_optimizer(name: str, state: bool) -> None:
    assert torch_names.is_optimizer_state(name, torch_names.parameter_by_name(Normed())) is state

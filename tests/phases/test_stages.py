"""The stages of models, found from their structure."""

import importlib.util
from collections.abc import Iterator

import pytest
from mindspore import nn

from tests.support.stage_nets import Chain, Text
from trainer.backend import lazy_init
from trainer.backend.graph import call_order, example_inputs, module_tree
from trainer.backend.graph.module_tree import ModuleTree
from trainer.models.efficientnet_lite0 import EfficientNetLite0
from trainer.models.lenet5 import LeNet5
from trainer.phases.stages import Stage, find_stages, merge


def tree_of(model: nn.Cell) -> ModuleTree:
    inputs = example_inputs.default_inputs(model)
    return call_order.in_call_order(module_tree.describe(model), model, inputs)


def selects(model: nn.Cell) -> list[list[str]]:
    return [list(stage.select) for stage in find_stages(tree_of(model))]


def test_without_blocks_each_layer_is_a_stage() -> None:
    assert selects(LeNet5()) == [["conv1"], ["conv2"], ["fc1"], ["fc2"], ["fc3"]]


def test_the_blocks_of_efficientnet_lite0() -> None:
    with lazy_init.skip_initializers():
        found = selects(EfficientNetLite0(10))
    blocks = [[f"_blocks.{at}"] for at in range(16)]
    assert found == [["_conv_stem", "_bn0"], *blocks, ["_conv_head", "_bn1"], ["_fc"]]


def test_a_text_encoder() -> None:
    found = module_tree.describe(Text())
    assert [list(stage.select) for stage in find_stages(found)] == [
        ["embeddings", "position"],
        ["encoder.layer.0"],
        ["encoder.layer.1", "norm"],
        ["pooler"],
        ["head"],
    ]


def test_a_tied_weight_belongs_to_its_last_stage() -> None:
    tied = module_tree.describe(Text(tied=True))
    stages = find_stages(tied)
    assert list(stages[0].select) == ["position"]
    assert list(stages[-1].select) == ["head"]
    assert sum(stage.size for stage in stages) == sum(p.size for p in tied.parameters)


def test_what_is_excluded_is_in_no_stage() -> None:
    stages = find_stages(tree_of(LeNet5()), {"conv1.weight", "conv1.bias", "fc3.weight"})
    assert [list(stage.select) for stage in stages] == [["conv2"], ["fc1"], ["fc2"], ["fc3"]]
    assert stages[-1].size == 10


def test_normalisation_belongs_to_the_layer_before_it() -> None:
    cells = {"norm0": nn.LayerNorm((4,)), "a": nn.Dense(4, 4), "norm1": nn.LayerNorm((4,))}
    model = Chain(**cells, b=nn.Dense(4, 4), norm2=nn.LayerNorm((4,)))
    found = [list(stage.select) for stage in find_stages(module_tree.describe(model))]
    assert found == [["norm0", "a", "norm1"], ["b", "norm2"]]


def test_models_of_one_layer_and_of_none() -> None:
    one = find_stages(module_tree.describe(Chain(only=nn.Dense(4, 4))))
    assert [list(stage.select) for stage in one] == [["only"]]
    assert find_stages(module_tree.describe(Chain(only=nn.ReLU()))) == []


def test_merging_keeps_the_head_apart() -> None:
    stages = [Stage(str(at), (str(at),), size=1) for at in range(7)]
    assert [s.select for s in merge(stages, 3)] == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert [s.name for s in merge(stages, 3)] == ["0-2", "3-5", "6"]
    assert merge(stages, 7) == merge(stages, 99) == stages
    assert merge(stages, 1) == [Stage("0-6", tuple("0123456"), size=7)]


needs_mindcv = pytest.mark.skipif(
    not importlib.util.find_spec("mindcv"), reason="the extra mindcv is not installed"
)


def _numbered(name: str, first: int, last: int) -> list[list[str]]:
    return [[f"{name}.{at}"] for at in range(first, last + 1)]


MINDCV: dict[str, list[list[str]]] = {
    "resnet18": [["conv1", "bn1"], ["layer1"], ["layer2"], ["layer3"], ["layer4"], ["classifier"]],
    "mobilenet_v2_035_224": [
        ["features.0", "features.1"],
        *_numbered("features", 3, 19),
        ["features.20", "features.21"],
        ["classifier"],
    ],
    "vit_b_32_224": [
        ["patch_embed", "cls_token", "pos_embed"],
        *_numbered("blocks", 0, 10),
        ["blocks.11", "norm"],
        ["head"],
    ],
    "convnext_tiny": [
        ["feature.0"],
        ["feature.1", "feature.2"],
        ["feature.3", "feature.4"],
        ["feature.5", "feature.6"],
        ["feature.7", "norm"],
        ["classifier"],
    ],
    "efficientnet_b0": [
        ["features.0", "features.1"],
        *_numbered("features", 3, 9),
        ["features.10", "features.11"],
        ["mlp_head"],
    ],
}


@pytest.fixture
def uninitialised() -> Iterator[None]:
    with lazy_init.skip_initializers():
        yield


@pytest.mark.slow
@needs_mindcv
@pytest.mark.usefixtures("uninitialised")
@pytest.mark.parametrize("name", MINDCV)
def test_stages_of_mindcv(name: str) -> None:
    from trainer.models import mindcv

    model = mindcv.create(name, num_classes=10)
    stages = find_stages(module_tree.describe(model))
    assert [list(stage.select) for stage in stages] == MINDCV[name]
    assert selects(model) == MINDCV[name]

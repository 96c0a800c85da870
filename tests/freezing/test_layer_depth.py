import pytest

from tests.support.nets import TwoConvs
from tests.support.stacks import Stack
from trainer.backend.graph import module_tree
from trainer.freezing.layer_depth import depth_from_head, unit


@pytest.mark.parametrize(
    ("cell", "of"),
    [
        ("conv1", "conv1"),
        ("layer1.0.conv2", "layer1.0"),
        ("features.3", "features.3"),
        ("layers.2.blocks.1.attn.qkv", "layers.2"),
        ("stem.conv", "stem.conv"),
        ("", ""),
    ],
)
def test_unit(cell: str, of: str) -> None:
    assert unit(cell) == of


def test_plain_layers_have_a_depth_each() -> None:
    depths = depth_from_head(module_tree.describe(TwoConvs()))
    assert depths == {
        **dict.fromkeys(("conv1.weight", "conv1.bias"), 2),
        **dict.fromkeys(("conv2.weight", "conv2.bias"), 1),
        **dict.fromkeys(("fc.weight", "fc.bias"), 0),
    }


def test_a_block_shares_one_depth() -> None:
    depths = depth_from_head(module_tree.describe(Stack()))
    assert depths["stem.weight"] == 5
    assert {depth for name, depth in depths.items() if name.startswith("blocks.1.")} == {3}
    assert "blocks.1.norm.moving_mean" not in depths

"""MindCV's nets by name, and the plan of a spread of its architectures."""

import builtins
import importlib
import importlib.util
import sys
from typing import Any

import numpy as np
import pytest
from mindspore import nn

from tests.support.command import Command
from trainer.cli import plan as preview
from trainer.cli import plan_tree
from trainer.cli.plan_preview import PlanPreview
from trainer.models import mindcv

FAMILIES = [
    *("convnext_tiny", "crossvit_9", "densenet121", "dpn92", "edgenext_xx_small"),
    *("efficientnet_b0", "ghostnet_050", "googlenet", "inception_v3", "mixnet_s"),
    *("mobilenet_v3_small_075", "mobilevit_xx_small", "poolformer_s12", "pvt_tiny"),
    *("regnet_x_200mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_tiny"),
    "vit_b_32_224",
]
CUTS = ["resnet18", "squeezenet1_1", "mobilenet_v3_small_075"]
installed = pytest.mark.skipif(
    not importlib.util.find_spec("mindcv"), reason="the extra mindcv is not installed"
)


@pytest.fixture
def command(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def planned(name: str, *overrides: str) -> PlanPreview:
    return preview.prepare(
        ["model=mindcv", f"model.name={name}", "model.num_classes=10", *overrides]
    )


@pytest.mark.slow
@installed
@pytest.mark.parametrize("name", FAMILIES)
def test_a_spread_of_architectures_can_be_planned(name: str) -> None:
    made = planned(name, "policy=linear_probe", "method=requires_grad")
    assert 0 < len(made.plan.names("trainable")) < 10
    root = plan_tree.tree(made.plan, made.tree, "net")
    weights = [p for p in made.tree.parameters if not p.statistic]
    assert root.values == sum(p.size for p in weights)
    assert plan_tree.text(root, 0.01, 0.0).count("\n") < 60


@pytest.mark.slow
@installed
@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_searched_on_an_input_made_up_for_the_net(name: str) -> None:
    plan = planned(name, "policy=linear_probe").plan
    assert plan.cuts
    assert len(plan.names("trainable")) == 2


@installed
def test_the_command(command: Command) -> None:
    ended = command.plan("model=mindcv", "model.name=resnet18", "freeze=layer2")
    assert ended.code == 0, ended.err
    assert "layer2 (stop_gradient); cut behind it" in ended.out


@installed
def test_an_unknown_name_is_a_mistake_with_the_nearest(command: Command) -> None:
    ended = command.plan("model=mindcv", "model.name=resnet5", "model.num_classes=10")
    assert ended.code == 2
    assert "received 'resnet5' (resnet50" in ended.err
    assert command.left() == []


@installed
def test_a_net_that_reshapes_its_first_values_before_they_are_drawn() -> None:
    net = mindcv.create("rexnet_09", num_classes=10)
    assert all(np.isfinite(p.asnumpy()).all() for p in net.get_parameters())


@installed
def test_a_net_that_mindcv_has_no_entry_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of mae_h_16_224_pretrain, which is too large to be made here."""
    monkeypatch.delitem(importlib.import_module("mindcv.models.resnet").default_cfgs, "resnet18")
    assert isinstance(mindcv.create("resnet18", num_classes=10), nn.Cell)


def test_without_mindcv_the_extra_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "mindcv":
            raise ModuleNotFoundError("No module named 'mindcv'", name="mindcv")
        return found(name, *arguments, **more)

    monkeypatch.delitem(sys.modules, "mindcv", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="extra"):
        mindcv.create("resnet18")
    ended = command.plan("model=mindcv", "model.num_classes=10")
    assert ended.code == 2
    assert "freeze-trainer[mindcv]" in ended.err

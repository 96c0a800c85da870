"""Optimizers of MindSpore and MindCV by ``_target_``: each works, or is refused with the reason."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from mindspore import nn

from tests.support.mindspore_optimizers import WORKING
from tests.support.nets import OneConv
from tests.support.training import IMAGES, LOSS
from trainer.core.errors import ConfigError
from trainer.engine.train_step import TrainStep
from trainer.optim.optimizer import build_optimizer, check_step

MINDCV: dict[str, dict[str, Any]] = {
    "mindcv.optim.adamw.AdamW": {},
    "mindcv.optim.lion.Lion": {},
    "mindcv.optim.nadam.NAdam": {},
    "mindcv.optim.adan.Adan": {},
    "mindcv.optim.create_optimizer": {"opt": "adamw"},
}
REFUSED = {
    "mindspore.nn.Lamb": r"a step on CPU, received mindspore\.nn\.Lamb: Unsupported op \[Lamb\]",
    "mindspore.nn.LARS": "learning_rate",
    "mindspore.experimental.optim.AdamW": "which no schedule or policy reaches; use optimizer=",
    "mindspore.mint.optim.SGD": "which no schedule or policy reaches; use optimizer=",
    "mindspore.mint.optim.AdamW": "which no schedule or policy reaches; use optimizer=",
    "tests.optim.test_custom_optimizers.scheduled": "optimizer.lr, received tests.* own schedule",
    "mindspore.nn.Dense": "optimizer: mindspore.nn.Dense",
}


def scheduled(parameters: list[Any], learning_rate: float) -> nn.Optimizer:
    """An optimizer with a schedule inside."""
    return nn.SGD(parameters, nn.CosineDecayLR(0.0, learning_rate, 10))


def moves(target: str, arguments: dict[str, Any]) -> bool:
    spec = {"_target_": target, "lr": 0.01, **arguments}
    check_step(spec)
    net = OneConv().set_train()
    before = net.fc.weight.asnumpy().copy()
    TrainStep(net, LOSS, build_optimizer(spec, net.trainable_params()))(*IMAGES)
    after = net.fc.weight.asnumpy()
    return bool(np.isfinite(after).all() and (after != before).any())


@pytest.mark.slow
@pytest.mark.parametrize("target", WORKING)
def test_of_mindspore(target: str) -> None:
    assert moves(target, WORKING[target])


@pytest.mark.slow
@pytest.mark.parametrize("target", MINDCV)
def test_of_mindcv(target: str) -> None:
    if importlib.util.find_spec("mindcv") is None:
        pytest.skip("MindCV is not installed")
    assert moves(target, MINDCV[target])


@pytest.mark.parametrize("target", REFUSED)
def test_what_cannot_work_is_refused_with_the_reason(target: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[target]):
        check_step({"_target_": target, "lr": 0.01})


def test_what_is_shipped_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("a step was compiled")

    monkeypatch.setattr("trainer.optim.custom_optimizers.OptimizerOnly", fail)
    check_step({"_target_": "trainer.optim.optimizers.adam.Adam", "lr": 0.01})
    check_step({"_target_": "mindspore.nn.Momentum", "lr": 0.01, "momentum": 0.9})

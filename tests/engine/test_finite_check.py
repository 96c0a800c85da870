"""Steps whose graph a loss that is not finite ends by an error, next to steps with a branch."""

import math
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.mindspore_optimizers import WORKING
from tests.support.nets import Normed, OneConv, TwoConvs
from tests.support.training import IMAGES, LOSS, changed
from trainer.backend.batch_types import Batch
from trainer.backend.graph import module_tree
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.config import config_folders
from trainer.core.tensors import Weights
from trainer.engine import train_step
from trainer.engine.ema import WeightAverages
from trainer.engine.gradient_clip import Clip
from trainer.engine.optimizer_step import read_report
from trainer.engine.train_step import TrainStep
from trainer.engine.update import StepOptions
from trainer.freezing import plan
from trainer.optim.optimizer import build_optimizer

SHIPPED = [name for name in config_folders.options("optimizer") if name != "custom"]
QUICK = ["adamw", "momentum"]  # each takes 4 s, most of which MindSpore waits


def batch_with(value: float) -> Batch:
    """Return images and labels; the images of the first channel's first pixel have the value."""
    image = IMAGES[0].asnumpy().copy()
    image[0, 0, 0, 0] = value
    return Tensor(image), IMAGES[1]


def step_of(optimizer: str, raises: bool, **options: Any) -> tuple[nn.Cell, TrainStep]:
    """Return a model and its step, always with the same first weights."""
    ms.set_seed(3)
    net = (OneConv if optimizer in WORKING else TwoConvs)().set_train()
    if optimizer in WORKING:
        spec = {"_target_": optimizer, "lr": 0.01, **WORKING[optimizer]}
    else:
        spec = {k: _number(v) for k, v in config_folders.read("optimizer", optimizer).items()}
    made = build_optimizer(spec, net.trainable_params())
    return net, TrainStep(net, LOSS, made, options=StepOptions(raises=raises, **options))


def _number(value: Any) -> Any:
    """Return a value of a YAML file as Hydra reads it: 1e-8 is a number."""
    return float(value) if isinstance(value, str) and value.startswith("1e-") else value


def state_of(net: nn.Cell, step: TrainStep) -> Weights:
    """Return a copy of all weights and of the optimizer's whole state."""
    state = {name: p.asnumpy().copy() for name, p in optimizer_state(step.optimizer).items()}
    own = {p.name: p.asnumpy().copy() for p in step.optimizer.get_parameters()}
    return {**to_numpy(net), **state, **own}


def rate(value: float) -> Tensor:
    return Tensor(np.array([value], np.float32))


def is_free_of_branches(step: TrainStep) -> bool:
    return bool(step.update.raises)


@pytest.mark.parametrize(
    "optimizer",
    [
        *QUICK,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (*SHIPPED, *WORKING) if n not in QUICK),
    ],
)
def test_the_bits_are_those_of_a_branch_and_a_failed_step_writes_nothing(optimizer: str) -> None:
    states = []
    for raises in (False, True):
        net, step = step_of(optimizer, raises, takes_rates=True)
        assert is_free_of_branches(step) is raises
        losses = [float(step(rate(r), *IMAGES).asnumpy()) for r in (0.1, 0.05, 0.2)]
        before = state_of(net, step)
        states.append({**before, "losses": np.array(losses)})
        assert math.isnan(float(step(rate(0.2), *batch_with(math.nan)).asnumpy()))
        assert not changed(before, state_of(net, step))
    assert not changed(*states)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_the_loss_that_ended_the_graph_is_returned(value: float) -> None:
    class Sum(nn.Cell):
        def construct(self, output: Tensor, label: Tensor) -> Tensor:
            return output.sum()

    net = nn.SequentialCell(nn.Flatten(), nn.Dense(36, 1, weight_init="ones"))
    optimizer = nn.SGD(net.trainable_params(), 0.1)
    step = TrainStep(net, Sum(), optimizer, options=StepOptions(raises=True))
    assert math.isfinite(float(step(*IMAGES).asnumpy()))
    assert str(float(step(*batch_with(value)).asnumpy())) == str(value)


def test_the_report_of_a_failed_step_says_that_nothing_was_updated() -> None:
    net, step = step_of("momentum", True, clip=Clip("norm", 1.0), reports=True)
    good = read_report(step(*IMAGES))
    assert good.updated and good.norm
    before = state_of(net, step)
    failed = read_report(step(*batch_with(math.nan)))
    assert math.isnan(failed.loss) and not failed.updated
    assert not changed(before, state_of(net, step))


def test_a_step_after_a_failed_one_changes_nothing_and_other_graphs_go_on() -> None:
    net, step = step_of("momentum", True)
    step(*IMAGES)
    before = state_of(net, step)
    step(*batch_with(math.nan))
    assert math.isnan(float(step(*IMAGES).asnumpy()))
    assert not changed(before, state_of(net, step))
    assert np.isfinite(net(IMAGES[0]).asnumpy()).all()
    other = TrainStep(net, LOSS, step.optimizer, options=StepOptions(raises=True))
    assert math.isfinite(float(other(*IMAGES).asnumpy()))
    assert changed(before, state_of(net, step))


def test_an_error_of_another_kind_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*batch: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    _, step = step_of("momentum", True)
    step(*IMAGES)
    monkeypatch.setattr(nn.Cell, "__call__", lambda self, *batch: failing(*batch))
    with pytest.raises(RuntimeError, match="out of memory"):
        step(*IMAGES)


def test_a_branch_stays_where_more_than_the_update_is_to_be_undone() -> None:
    def step(net: nn.Cell, **parts: Any) -> TrainStep:
        optimizer = nn.SGD(net.trainable_params(), 0.1)
        return TrainStep(net, LOSS, optimizer, options=StepOptions(raises=True), **parts)

    net = TwoConvs()
    averages = WeightAverages(net, plan.resolve([], module_tree.describe(net)))
    assert is_free_of_branches(step(net))
    assert not is_free_of_branches(step(Normed().set_train()))
    assert not is_free_of_branches(step(net, scaler=train_step.loss_scaler(512.0)))
    assert not is_free_of_branches(step(net, diverged=train_step.stop_flag(5)))
    assert not is_free_of_branches(step(net, averages=averages))

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.phases import carry_over
from tests.support.training import IMAGES, LOSS
from trainer.backend.optimizer_state import optimizer_state
from trainer.config import overrides
from trainer.core.errors import ConfigError
from trainer.engine.train_step import TrainStep
from trainer.optim import optimizer
from trainer.optim.optimizers.adam import Adam, AdamW
from trainer.optim.optimizers.lamb import Lamb
from trainer.optim.optimizers.moments import MomentOptimizer


def stepped(net: nn.Cell, made: nn.Optimizer, steps: int = 2) -> nn.Optimizer:
    net.set_train()
    step = TrainStep(net, LOSS, made)
    for _ in range(steps):
        step(*IMAGES)
    return made


class NoOptimizer:
    def __init__(self, parameters: object, learning_rate: float) -> None:
        pass


def test_make_takes_lr_and_the_classes_own_arguments() -> None:
    spec = {"_target_": "mindspore.nn.Momentum", "lr": 0.25, "momentum": 0.5}
    parameters = TwoConvs().conv1.trainable_params()
    made = optimizer.build_optimizer(spec, parameters)
    assert isinstance(made, nn.Momentum)
    assert list(made.parameters) == parameters
    assert made.get_lr().asnumpy() == 0.25
    assert optimizer_state(made)["momentum"].asnumpy() == 0.5


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"_target_": "mindspore.nn.Momentun", "lr": 0.1}, "Momentun"),
        ({"_target_": "mindspore.nn.SGD", "lr": 0.1, "beta": 1}, "beta"),
        ({"_target_": "mindspore.nn.SGD", "lr": -0.1}, "must >= 0"),
        (
            {"_target_": "tests.optim.test_optimizer.NoOptimizer", "lr": 0.1},
            "received a NoOptimizer",
        ),
    ],
)
def test_make_tells_mistakes(spec: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        optimizer.build_optimizer(spec, TwoConvs().trainable_params())
    assert caught.value.problems[0].startswith("optimizer: ")


def test_state_is_moments_and_counters_but_no_weights() -> None:
    made = nn.Adam(TwoConvs().fc.trainable_params(), 0.1)
    assert set(optimizer_state(made)) == {
        "global_step",
        "beta1_power",
        "beta2_power",
        *(
            f"{moment}.fc.{name}"
            for moment in ("moment1", "moment2")
            for name in ("weight", "bias")
        ),
    }


def test_state_is_carried_over_by_name() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Momentum(net.trainable_params(), 0.1, 0.9))
    kept = {name: p.asnumpy().copy() for name, p in optimizer_state(old).items()}
    new = nn.Momentum(net.fc.trainable_params(), 0.1, 0.9)
    carry_over(old, new)
    state = {name: p.asnumpy() for name, p in optimizer_state(new).items()}
    assert state["moments.fc.weight"].any()
    assert all((value == kept[name]).all() for name, value in state.items())


def test_what_was_carried_over_lives_apart_from_the_old_state() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Momentum(net.trainable_params(), 0.1, 0.9))
    kept = optimizer_state(old)["moments.fc.weight"].asnumpy().copy()
    new = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    carry_over(old, new)
    stepped(net, new)
    assert (optimizer_state(old)["moments.fc.weight"].asnumpy() == kept).all()


def test_what_the_old_one_had_not_starts_fresh() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Momentum(net.fc.trainable_params(), 0.1, 0.9))
    new = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    carry_over(old, new)
    assert not optimizer_state(new)["moments.conv1.weight"].asnumpy().any()


def test_the_new_learning_rate_stays() -> None:
    net = TwoConvs()
    old = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    new = nn.Momentum(net.trainable_params(), 0.025, 0.9)
    carry_over(old, new)
    assert new.get_lr().asnumpy() == np.float32(0.025)


@pytest.mark.parametrize("make", [Adam, AdamW, Lamb])
def test_what_was_thawed_late_takes_steps_of_lr(make: Callable[..., MomentOptimizer]) -> None:
    net = TwoConvs()
    old = stepped(net, make(net.fc.trainable_params(), 0.01, weight_decay=0.0))
    for name in ("step_count.fc.weight", "step_count.fc.bias"):
        optimizer_state(old)[name].set_data(Tensor(3000, ms.int32))
    new = make(net.trainable_params(), 0.01, weight_decay=0.0)
    carry_over(old, new)
    before = net.conv1.weight.asnumpy().copy()
    stepped(net, new, steps=1)
    assert 0.0095 < np.abs(net.conv1.weight.asnumpy() - before).max() <= 0.0101
    counts = {name: int(p.asnumpy()) for name, p in optimizer_state(new).items() if "count" in name}
    assert (counts["step_count.fc.weight"], counts["step_count.conv1.weight"]) == (3001, 1)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_option_is_one_that_counts_steps_per_parameter(name: str) -> None:
    spec = overrides.check([f"optimizer={name}"])[0]["optimizer"]
    made = optimizer.build_optimizer(spec, TwoConvs().trainable_params())
    assert isinstance(made, MomentOptimizer)


def test_a_step_that_is_skipped_is_not_counted() -> None:
    net = TwoConvs()
    made = Adam(net.trainable_params(), 0.01)
    step = TrainStep(net, LOSS, made)
    images, labels = IMAGES
    step(images, labels)
    step(Tensor(np.full(images.shape, np.nan, np.float32)), labels)
    assert {int(count.asnumpy()) for count in made.step_count} == {1}


@pytest.mark.parametrize("betas", [(0.9,), (0.9, 1.0), (-0.1, 0.9)])
def test_betas_that_are_none_are_refused(betas: tuple[float, ...]) -> None:
    spec = {"_target_": "trainer.optim.optimizers.adam.Adam", "lr": 0.1, "betas": list(betas)}
    with pytest.raises(ConfigError, match="two numbers from 0 to below 1"):
        optimizer.build_optimizer(spec, TwoConvs().trainable_params())


def test_betas_of_0_take_the_last_gradient_alone() -> None:
    net = TwoConvs()
    made = AdamW(net.fc.trainable_params(), 0.01, betas=(0.0, 0.0), weight_decay=0.0)
    before = net.fc.bias.asnumpy().copy()
    stepped(net, made, steps=1)
    moved = np.abs(net.fc.bias.asnumpy() - before)
    np.testing.assert_allclose(moved, 0.01, rtol=1e-3)


def test_decoupled_decay_shrinks_a_weight_before_its_step() -> None:
    net = TwoConvs()
    made = AdamW(net.fc.trainable_params(), 0.01, betas=(0.0, 0.0), weight_decay=0.5)
    before = net.fc.bias.asnumpy().copy()
    stepped(net, made, steps=1)
    moved = np.abs(net.fc.bias.asnumpy() - before * (1 - 0.01 * 0.5))
    np.testing.assert_allclose(moved, 0.01, rtol=1e-3)


def test_a_state_of_another_shape_is_not_carried_over() -> None:
    old, new = (nn.Momentum(nn.Dense(2, n).trainable_params(), 0.1, 0.9) for n in (3, 4))
    optimizer_state(old)["moments.weight"].set_data(Tensor(np.ones((3, 2), np.float32)))
    carry_over(old, new)
    assert not optimizer_state(new)["moments.weight"].asnumpy().any()

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.optimizer_state import optimizer_state
from trainer.core.errors import ConfigError
from trainer.engine.train_step import TrainStep
from trainer.optim import optimizer


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
    optimizer.carry_over(old, new)
    state = {name: p.asnumpy() for name, p in optimizer_state(new).items()}
    assert state["moments.fc.weight"].any()
    assert all((value == kept[name]).all() for name, value in state.items())


def test_what_was_carried_over_lives_apart_from_the_old_state() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Momentum(net.trainable_params(), 0.1, 0.9))
    kept = optimizer_state(old)["moments.fc.weight"].asnumpy().copy()
    new = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    optimizer.carry_over(old, new)
    stepped(net, new)
    assert (optimizer_state(old)["moments.fc.weight"].asnumpy() == kept).all()


def test_what_the_old_one_had_not_starts_fresh() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Momentum(net.fc.trainable_params(), 0.1, 0.9))
    new = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    optimizer.carry_over(old, new)
    assert not optimizer_state(new)["moments.conv1.weight"].asnumpy().any()


def test_the_new_learning_rate_stays() -> None:
    net = TwoConvs()
    old = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    new = nn.Momentum(net.trainable_params(), 0.025, 0.9)
    optimizer.carry_over(old, new)
    assert new.get_lr().asnumpy() == np.float32(0.025)


@pytest.mark.xfail(strict=True, reason="nn.Adam keeps one bias correction for all parameters")
def test_adam_takes_steps_of_lr_with_what_was_thawed_late() -> None:
    net = TwoConvs()
    old = stepped(net, nn.Adam(net.fc.trainable_params(), 0.01))
    for name, decay in (("beta1_power", 0.9), ("beta2_power", 0.999)):  # as after 3000 steps
        optimizer_state(old)[name].set_data(Tensor(decay**3000, ms.float32))
    new = nn.Adam(net.trainable_params(), 0.01)
    optimizer.carry_over(old, new)
    before = net.conv1.weight.asnumpy().copy()
    stepped(net, new, steps=1)
    assert np.abs(net.conv1.weight.asnumpy() - before).max() <= 0.0101


def test_a_state_of_another_shape_is_not_carried_over() -> None:
    old, new = (nn.Momentum(nn.Dense(2, n).trainable_params(), 0.1, 0.9) for n in (3, 4))
    optimizer_state(old)["moments.weight"].set_data(Tensor(np.ones((3, 2), np.float32)))
    optimizer.carry_over(old, new)
    assert not optimizer_state(new)["moments.weight"].asnumpy().any()

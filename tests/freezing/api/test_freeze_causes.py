"""Each way in which a frozen tensor may move: it is made to move, and its cause is reported."""

from collections.abc import Callable
from functools import partial

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from tests.support.loops import Loop, jitted_function_loop, train_cell_loop
from tests.support.nets import Normed, TwoConvs
from tests.support.stacks import Tied
from tests.support.training import IMAGES, LOSS, ROWS
from trainer import Frozen, freeze
from trainer.backend.tested_versions import mindspore_version
from trainer.core.errors import ConfigError, FrozenMoved

pytestmark = pytest.mark.slow

MOMENTUM = partial(nn.Momentum, learning_rate=0.1, momentum=0.9)
SGD = partial(nn.SGD, learning_rate=0.1)
# A step that MindSpore 2.9 has compiled stops gradients as soon as the freeze has added its cut.
HEEDS_A_NEW_CUT = mindspore_version().startswith("2.9.")


def cause_of(frozen: Frozen, name: str = "conv1.weight") -> str:
    """What verify says of a tensor."""
    with pytest.raises(FrozenMoved) as raised:
        frozen.verify()
    lines = [line for line in str(raised.value).splitlines() if f"- {name} " in line]
    return lines[0] if lines else pytest.fail(f"{name} is not in\n{raised.value}")


@pytest.mark.parametrize("loop", [jitted_function_loop, train_cell_loop])
@pytest.mark.parametrize(
    "make", [MOMENTUM, SGD, nn.AdamWeightDecay], ids=["Momentum", "SGD", "AdamW"]
)
def test_weight_decay(make: Callable[..., nn.Optimizer], loop: Loop) -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    optimizer = make(net.get_parameters(), weight_decay=0.1)
    loop(net, optimizer)()
    name = type(optimizer).__name__
    text = cause_of(frozen)
    assert (
        f"{name} was built after the freeze and was given it; weight decay scaled it by 0.9" in text
    )
    assert text.endswith("(no gradient arrived)")
    assert "momentum" not in text


@pytest.mark.parametrize("make", [MOMENTUM, nn.Adam], ids=["Momentum", "Adam"])
def test_momentum_left_over(make: Callable[..., nn.Optimizer]) -> None:
    """An optimizer that trained the weight still moves it, in a step built after the freeze."""
    net = TwoConvs()
    optimizer = make(net.trainable_params())
    train_cell_loop(net, optimizer)()
    frozen = freeze(net, "conv1")
    train_cell_loop(net, optimizer)()
    text = cause_of(frozen)
    assert "was built before the freeze and has it; momentum from before the freeze" in text
    assert text.endswith("moved it further (no gradient arrived)")


def test_momentum_and_weight_decay() -> None:
    net = TwoConvs()
    optimizer = nn.Momentum(net.trainable_params(), 0.01, 0.9, weight_decay=0.5)
    train_cell_loop(net, optimizer)()
    frozen = freeze(net, "conv1")
    train_cell_loop(net, optimizer)()
    assert "weight decay scaled it by 0.9" in cause_of(frozen)
    assert "and momentum from before the freeze moved it further" in cause_of(frozen)


@pytest.mark.parametrize("loop", [jitted_function_loop, train_cell_loop])
def test_stale_graph(loop: Loop) -> None:
    net = TwoConvs()
    epoch = loop(net, MOMENTUM(net.trainable_params()))
    epoch()
    frozen = freeze(net, "conv1")
    epoch()
    name = "TrainOneStepCell" if loop is train_cell_loop else "tests.support.loops.step ("
    text = cause_of(frozen)
    if HEEDS_A_NEW_CUT:
        assert text.endswith("(no gradient arrived)")
        return
    assert "a gradient reached it: compiled before the freeze, which it ignores" in text
    assert name in text


def test_stale_graph_of_another_net_is_not_blamed() -> None:
    other, net = TwoConvs(), TwoConvs()
    epoch = train_cell_loop(other, SGD(other.trainable_params()))
    function = jitted_function_loop(other, SGD(other.trainable_params()))
    epoch()
    function()
    frozen = freeze(net, "conv1", method="requires_grad")
    train_cell_loop(net, SGD(net.get_parameters()))()
    assert "compiled before" not in cause_of(frozen)


def test_an_evaluation_before_the_freeze_is_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    net = TwoConvs()

    @ms.jit
    def evaluate(images: Tensor) -> Tensor:
        return net(images)

    evaluate(IMAGES[0])
    net.set_train(False)(IMAGES[0])
    frozen = freeze(net, "conv1", method="requires_grad")
    (warning,) = caplog.messages
    assert "evaluate (" in warning and "TwoConvs" not in warning
    train_cell_loop(net, SGD(net.get_parameters()))()
    assert "compiled before" not in cause_of(frozen)


def test_late_flag() -> None:
    """Set again, it makes trainable_params() give the frozen weight away."""
    net = TwoConvs()
    frozen = freeze(net, "conv1", method="requires_grad")
    net.conv1.weight.requires_grad = True
    train_cell_loop(net, MOMENTUM(net.trainable_params()))()
    text = cause_of(frozen)
    assert "was given it, because its requires_grad was set again; a gradient reached it" in text


def test_optimizer_from_before_the_freeze() -> None:
    net = TwoConvs()
    optimizer = MOMENTUM(net.trainable_params())
    frozen = freeze(net, "conv1", method="requires_grad")
    train_cell_loop(net, optimizer)()
    text = cause_of(frozen)
    assert "Momentum was built before the freeze and has it; a gradient reached it" in text
    assert "requires_grad does not stop the gradient" in text


def test_cut_removed() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    net.conv1.__class__ = nn.Conv2d
    train_cell_loop(net, SGD(net.get_parameters()))()
    assert "a gradient reached it: the cut behind conv1 was removed" in cause_of(frozen)


def test_normalisation_let_loose() -> None:
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    net.bn1.use_batch_statistics = True
    train_cell_loop(net, SGD(net.trainable_params()))()
    text = cause_of(frozen, "bn1.moving_mean")
    assert "a normalisation layer ran in training mode" in text
    assert "'bn1' was taken out of inference mode" in text


def test_normalisation_in_a_stale_graph() -> None:
    net = Normed()
    epoch = train_cell_loop(net, SGD(net.trainable_params()))
    epoch()
    frozen = freeze(net, ["conv1", "bn1"])
    epoch()
    if HEEDS_A_NEW_CUT:
        with pytest.raises(ConfigError, match="SGD, built before the freeze"):
            frozen.verify()
        return
    text = cause_of(frozen, "bn1.moving_mean")
    assert "a normalisation layer ran in training mode" in text
    assert "compiled before the freeze, which it ignores: TrainOneStepCell" in text


def test_tied_weight_within_the_net() -> None:
    """The decoder's own optimizer gets the encoder's weight."""
    net = Tied()
    frozen = freeze(net, "encoder.weight", method="requires_grad")
    step = nn.TrainOneStepCell(
        nn.WithLossCell(net, LOSS), SGD(net.decoder.get_parameters(), weight_decay=0.1)
    )
    step.set_train()(*ROWS)
    assert "(it is tied: also decoder.weight); a gradient" in cause_of(frozen, "encoder.weight")


def test_tied_weight_of_another_net() -> None:
    net, other = TwoConvs(), nn.SequentialCell(nn.Conv2d(1, 2, 3, pad_mode="valid"), nn.Flatten())
    other[0].weight = net.conv1.weight
    frozen = freeze(net, "conv1")
    optimizer = SGD(other.get_parameters())
    images = Tensor(np.ones((4, 1, 6, 6), np.float32))
    step = nn.TrainOneStepCell(other, optimizer, sens=1.0).set_train()
    step(images)
    assert "(it is tied: also in a Conv2d outside the model)" in cause_of(frozen)


def test_load() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    train_cell_loop(net, SGD(frozen.trainable_parameters()))()
    frozen.verify()
    ms.load_param_into_net(net, {p.name: p for p in TwoConvs().get_parameters()})
    assert "no optimizer that is alive moved it: it was assigned to, as load_param" in cause_of(
        frozen
    )


def test_statistics_that_were_loaded_are_not_blamed_on_the_layer() -> None:
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    net.bn1.moving_mean.set_data(Tensor(np.array([1, 2], np.float32)))
    assert "it was assigned to" in cause_of(frozen, "bn1.moving_mean")


def test_parameter_replaced() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    net.conv1.weight = ms.Parameter(net.conv1.weight.value(), name="conv1.weight")
    assert "is no longer in the model: it was replaced by another Parameter" in cause_of(frozen)


def test_what_cannot_be_told_is_said_to_be_so() -> None:
    """A bias of two values fits any two directions."""
    net = TwoConvs()
    net.conv1.bias.set_data(ops.ones(2))
    optimizer = MOMENTUM(net.get_parameters(), weight_decay=0.1)
    train_cell_loop(net, optimizer)()
    frozen = freeze(net, "conv1", method="requires_grad")
    train_cell_loop(net, optimizer)()
    assert "too little has changed to tell which" in cause_of(frozen, "conv1.bias")

"""Misuse is noticed before anything has moved."""

import logging
from collections.abc import Callable

import mindspore as ms
import pytest
from mindspore import nn

from tests.support.loops import jitted_function_loop, train_cell_loop
from tests.support.nets import Normed, TwoConvs
from tests.support.training import plain_step
from trainer import Frozen, freeze
from trainer.core.errors import ConfigError


def sgd(parameters: object) -> nn.Optimizer:
    return nn.SGD(parameters, 0.1)


def test_what_is_right_passes() -> None:
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    optimizer = sgd(frozen.trainable_parameters())
    frozen.check()
    frozen.check(optimizer)
    frozen.check(plain_step(net, optimizer))


def test_an_optimizer_over_all_parameters_given_or_not() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    wrong = sgd(net.get_parameters())
    for cells in ((), (wrong,)):
        with pytest.raises(
            ConfigError, match="SGD, built after the freeze, which has conv1.weight, c"
        ):
            frozen.check(*cells)
    with pytest.raises(ConfigError, match="SGD, built after"):
        frozen.verify()


def test_an_optimizer_from_before_the_freeze_only_if_it_is_used() -> None:
    net = TwoConvs()
    old = sgd(net.trainable_params())
    frozen = freeze(net, "conv1")
    frozen.check()
    with pytest.raises(ConfigError, match=r"SGD, built before the freeze, which has conv1\.weight"):
        frozen.check(old)
    with pytest.raises(ConfigError, match="SGD, built before"):
        frozen.check(plain_step(net, old))
    old.global_step.set_data(old.global_step + 1)
    with pytest.raises(ConfigError, match="SGD, built before"):
        frozen.check()


def test_an_optimizer_that_lacks_trainable_parameters() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    head, middle = sgd(net.fc.get_parameters()), sgd(net.conv2.get_parameters())
    frozen.check(head, middle)
    with pytest.raises(ConfigError, match=r"received SGD without conv2\.weight, conv2\.bias"):
        frozen.check(head)


def test_no_optimizer_at_all() -> None:
    net = TwoConvs()
    with pytest.raises(ConfigError, match="expected an optimizer, received only Two"):
        freeze(net, "conv1").check(net)


def flag(net: nn.Cell) -> None:
    net.conv1.weight.requires_grad = True


def cut(net: nn.Cell) -> None:
    net.bn1.__class__ = nn.BatchNorm2d


def mode(net: nn.Cell) -> None:
    net.bn1.add_flags(training=True)


def statistics(net: nn.Cell) -> None:
    net.bn1.use_batch_statistics = None


@pytest.mark.parametrize(
    ("misuse", "text"),
    [
        (flag, r"requires_grad was set again for conv1\.weight, which are frozen"),
        (cut, "the cut behind 'bn1' was removed"),
        (mode, "'bn1' was taken out of inference mode"),
        (statistics, "'bn1' was taken out of inference mode"),
    ],
)
def test_what_holds_the_freeze_is_undone(misuse: Callable[[nn.Cell], None], text: str) -> None:
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    frozen.verify()
    misuse(net)
    for look in (frozen.check, frozen.verify):
        with pytest.raises(ConfigError, match=text):
            look()


def test_a_hook_of_the_users_own_is_none_of_our_business() -> None:
    net = Normed()
    theirs = net.bn1.register_forward_hook(lambda cell, inputs, output: None)
    frozen = freeze(net, ["conv1", "bn1"])
    theirs.remove()
    frozen.check()


def test_a_cell_compiled_before_the_freeze() -> None:
    net = TwoConvs()
    net.conv1.weight.requires_grad = net.conv1.bias.requires_grad = False
    step = plain_step(net, sgd(net.trainable_params()))
    frozen_later(net, step).check(plain_step(net, step.optimizer))


def frozen_later(net: nn.Cell, step: nn.Cell) -> Frozen:
    from tests.support.training import IMAGES

    step(*IMAGES)
    frozen = freeze(net, "conv1")
    with pytest.raises(
        ConfigError, match="TrainOneStepCell was compiled before the freeze, which it"
    ):
        frozen.check(step)
    return frozen


def test_what_was_there_before_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    net, other = TwoConvs(), TwoConvs()
    old = sgd(net.trainable_params())
    train_cell_loop(net, old)()
    jitted_function_loop(other, sgd(other.trainable_params()))()
    with caplog.at_level(logging.WARNING):
        freeze(net, "conv1")
    (record,) = caplog.records
    assert record.getMessage().endswith("use: optimizer SGD, graph of TrainOneStepCell")


def test_a_fresh_net_is_frozen_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    other = TwoConvs()
    train_cell_loop(other, sgd(other.trainable_params()))()
    freeze(TwoConvs(), "conv1")
    assert not caplog.records
    assert ms.get_context("mode") == ms.GRAPH_MODE

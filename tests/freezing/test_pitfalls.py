"""Ways in which MindSpore breaks the promise that a layer stays unchanged, T1 to T13.

Each test shows first what plain MindSpore does in each execution mode, then that the trainer keeps
the promise. T7 is in test_compile_cache.py, T13 in test_set_train_pitfall.py.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from mindspore import nn

from tests.support.nets import Normed, TwoConvs
from tests.support.training import (
    Moments,
    changed,
    clear_flags,
    cut,
    moved_in_three_steps,
    plain_step,
    plan_of,
    rule,
    train,
)
from trainer.backend.execution_mode import EAGER, Mode
from trainer.backend.tested_versions import mindspore_version
from trainer.config import schema
from trainer.core.errors import ConfigError
from trainer.freezing.frozen_model import FrozenModel
from trainer.run.build_run import build_run
from trainer.run.components import RunComponents

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("mode")]

CONV1 = {"conv1.weight", "conv1.bias"}
REST = {"conv2.weight", "conv2.bias", "fc.weight", "fc.bias"}
MOMENTUM = partial(nn.Momentum, learning_rate=0.1, momentum=0.9)


def guarded(net: nn.Cell, *patterns: str, method: str = "stop_gradient") -> set[str]:
    """Take three steps through the trainer; give the names of what moved."""
    (moved,) = train(net, plan_of(net, rule(*patterns, method=method))).moved
    return moved


def decay_in(mode: Mode) -> dict[str, float]:
    """Eagerly, the gradient of a weight whose flag is cleared is 0, so only decay moves it."""
    return {"weight_decay": 0.1} if mode == EAGER else {}


def test_t1_flag_cleared_after_the_optimizer_was_built(mode: Mode) -> None:
    """The optimizer has the weight already: it trains in full, or eagerly decays, silently."""
    net = TwoConvs()
    step = plain_step(net, MOMENTUM(net.trainable_params(), **decay_in(mode)))
    clear_flags(net.conv1)
    assert "conv1.weight" in moved_in_three_steps(net, step)

    assert guarded(TwoConvs(), "conv1", method="requires_grad") == REST


def test_t2_optimizer_over_all_parameters(mode: Mode) -> None:
    """The flag is cleared in time, but the optimizer has the weight: as T1."""
    net = TwoConvs()
    clear_flags(net.conv1)
    step = plain_step(net, MOMENTUM(net.get_parameters(), **decay_in(mode)))
    assert "conv1.weight" in moved_in_three_steps(net, step)

    assert guarded(TwoConvs(), "conv1", method="requires_grad") == REST


@pytest.mark.parametrize(
    "make",
    [partial(MOMENTUM, weight_decay=0.1), partial(nn.AdamWeightDecay, weight_decay=0.1)],
    ids=["Momentum", "AdamWeightDecay"],
)
def test_t3_weight_decay_reaches_behind_a_cut(make: Callable[..., nn.Optimizer]) -> None:
    """The gradient there is zero, but the optimizer has the weight, and decays it."""
    net = TwoConvs()
    net.conv1.register_forward_hook(cut)
    assert "conv1.weight" in moved_in_three_steps(
        net, plain_step(net, make(net.trainable_params()))
    )

    net = TwoConvs()
    recorder = train(
        net, plan_of(net, rule("conv1")), optimizer=lambda applied: make(applied.trainable)
    )
    assert recorder.moved == [REST]


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_t4_statistics_in_the_frozen_part_go_on_moving(method: str) -> None:
    """Neither a flag nor a cut stops them, and `set_train` undoes `bn.set_train(False)`."""
    statistics = {"bn1.moving_mean", "bn1.moving_variance"}
    net = Normed()
    clear_flags(net.conv1, net.bn1)
    net.bn1.set_train(False)
    step = plain_step(net, MOMENTUM(net.trainable_params()))
    assert {
        name for name in moved_in_three_steps(net, step) if name.startswith("bn1")
    } == statistics

    moved = guarded(Normed(), "conv1", "bn1", method=method)
    assert {name.partition(".")[0] for name in moved} == {"conv2", "bn2", "fc"}


def test_t5_flag_cleared_in_mid_run() -> None:
    """The compiled step has taken the flag in, and ignores the change."""
    net = TwoConvs()
    step = plain_step(net, MOMENTUM(net.trainable_params()))
    moved_in_three_steps(net, step)
    clear_flags(net.conv1)
    assert moved_in_three_steps(net, step) == REST | CONV1

    net = TwoConvs()
    recorder = train(net, plan_of(net), plan_of(net, rule("conv1")))
    assert recorder.moved == [REST | CONV1, REST]


def test_t5_cut_removed_in_mid_run(mode: Mode) -> None:
    """A compiled step keeps the hook; eagerly and with MindSpore 2.9, the layer trains at once."""
    net = TwoConvs()
    handle = net.conv1.register_forward_hook(cut)
    step = plain_step(net, MOMENTUM(net.trainable_params()))
    moved_in_three_steps(net, step)
    handle.remove()
    at_once = mode == EAGER or mindspore_version().startswith("2.9.")
    assert moved_in_three_steps(net, step) == (REST | CONV1 if at_once else REST)

    net = TwoConvs()
    recorder = train(net, plan_of(net, rule("conv1")), plan_of(net))
    assert recorder.moved == [REST, REST | CONV1]


def test_t6_a_cut_stops_everything_upstream_too() -> None:
    """A cut behind conv2 stops conv1 as well, without a warning."""
    net = TwoConvs()
    net.conv2.register_forward_hook(cut)
    head = {"fc.weight", "fc.bias"}
    assert moved_in_three_steps(net, plain_step(net, nn.SGD(net.trainable_params(), 0.1))) == head

    net = TwoConvs()
    frozen = plan_of(net, rule("conv2")).select("frozen")
    assert {p.name for p in frozen if p.by == "upstream of the cut"} == CONV1
    assert guarded(net, "conv2") == head
    assert guarded(TwoConvs(), "conv2", method="requires_grad") == CONV1 | head


def prepare(**freeze: Any) -> RunComponents:
    """What a run with this policy starts from."""
    config = {
        "model": {"_target_": "tests.support.nets.TwoConvs"},
        "dataset": {"_target_": "builtins.list"},
        "loss": {"_target_": "mindspore.nn.CrossEntropyLoss"},
        "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.1},
        "device": {"target": "cpu"},
    }
    return build_run(*schema.read(config | freeze))


def test_t8_misspelt_flags_and_names() -> None:
    """Python accepts any attribute, but MindSpore reads none of these: all do nothing."""
    net = TwoConvs()
    for parameter in net.conv1.get_parameters():
        parameter.require_grad = False
    net.conv1.requires_grad = False
    net.conv1.set_grad(False)
    assert moved_in_three_steps(net, plain_step(net, nn.SGD(net.trainable_params(), 0.1))) >= CONV1

    with pytest.raises(ConfigError, match=r"received 'convv1' \(nearest: conv1, "):
        prepare(freeze="convv1")
    with pytest.raises(ConfigError, match="received 'require_grad'"):
        prepare(freeze="conv1", method="require_grad")


@pytest.mark.parametrize("method", ["stop_gradient", "requires_grad"])
def test_t9_everything_frozen(method: str) -> None:
    """MindSpore complains of an optimizer's argument; the trainer names the pattern, early."""
    net = TwoConvs()
    clear_flags(net)
    with pytest.raises(ValueError, match="argument parameters must not be empty"):
        nn.SGD(net.trainable_params(), 0.1)

    with pytest.raises(ConfigError, match=r"at least one trainable .* all are frozen \(by \*\)"):
        prepare(freeze="*", method=method)


def test_t10_trainable_params_lists_what_a_cut_has_frozen() -> None:
    """So a summary based on it is wrong."""
    net = TwoConvs()
    net.conv2.register_forward_hook(cut)
    assert {p.name for p in net.trainable_params()} == CONV1 | REST

    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv2")))
    assert [p.name for p in net.trainable_params()] == ["fc.weight", "fc.bias"]
    assert applied.trainable == net.trainable_params()
    assert applied.plan.names("trainable") == ("fc.weight", "fc.bias")


@pytest.mark.parametrize("make", [MOMENTUM, nn.Adam], ids=["Momentum", "Adam"])
def test_t11_moments_move_what_is_frozen_again(make: Callable[..., nn.Optimizer]) -> None:
    """Without a gradient, a weight still moves in the direction of its moments."""
    net = TwoConvs()
    optimizer = make(net.trainable_params())
    moved_in_three_steps(net, plain_step(net, optimizer))
    net.conv1.register_forward_hook(cut)
    assert moved_in_three_steps(net, plain_step(net, optimizer)) >= CONV1

    net = TwoConvs()
    everything, but_conv1 = plan_of(net), plan_of(net, rule("conv1"))
    recorder = Moments()
    plans = everything, but_conv1, everything
    build: Callable[[FrozenModel], nn.Optimizer] = lambda applied: make(applied.trainable)  # noqa: E731
    train(net, *plans, optimizer=build, batches=recorder.batches, callback=recorder)
    _, end1, start2, end2, start3, _ = recorder.states
    assert not changed(end1, start2)
    assert not changed(end2, {name: start3[name] for name in end2})
    thawed = {name: value for name, value in start3.items() if name not in end2}
    assert thawed and not changed({name: end1[name] for name in thawed}, thawed)
    assert recorder.moved == [REST | CONV1, REST, REST | CONV1]


def test_t12_a_hook_in_a_container_is_ignored(mode: Mode) -> None:
    """The compiler looks for hooks only where a cell is an attribute of another."""

    def tower() -> nn.Cell:
        first = nn.Conv2d(1, 2, 3, pad_mode="valid", has_bias=True)
        return nn.SequentialCell(first, nn.Flatten(), nn.Dense(32, 3))

    net = tower()
    net[0].register_forward_hook(cut)
    moved = moved_in_three_steps(net, plain_step(net, MOMENTUM(net.trainable_params())))
    assert ("0.weight" in moved) == (mode != EAGER)

    net = tower()
    FrozenModel(net, plan_of(net, rule("0")))  # the cut alone, whatever the optimizer has
    assert moved_in_three_steps(net, plain_step(net, MOMENTUM(net.get_parameters()))) == {
        "2.weight",
        "2.bias",
    }

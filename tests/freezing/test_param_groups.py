"""Learning rates and weight decays of rules: what the optimizer is given, and what it then does."""

from typing import Any

import numpy as np
import pytest
from mindspore import nn

from tests.support.nets import Normed, TwoConvs
from tests.support.phases import carry_over
from tests.support.training import IMAGES, LOSS, plan_of, rule
from trainer.backend.graph import module_tree
from trainer.backend.host_copy import to_numpy
from trainer.backend.optimizer_state import optimizer_state
from trainer.config.rules import Rule
from trainer.engine.train_step import TrainStep
from trainer.freezing import plan
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.freezing.plan_warnings import undecayed_by_name
from trainer.optim import optimizer
from trainer.optim.optimizers import arguments

SPEC: dict[str, Any] = {"_target_": "mindspore.nn.Momentum", "lr": 0.5, "momentum": 0.9}
DECAY = {**SPEC, "weight_decay": 0.25}


def trained(*patterns: str, **treatment: Any) -> Rule:
    return Rule(patterns, "train", False, None, label="t", **treatment)


def rate_and_decay(
    net: nn.Cell, resolved: Plan, spec: dict[str, Any] = DECAY
) -> dict[str, tuple[float, ...]]:
    """Learning rate and weight decay of each parameter, as the optimizer has them."""
    built = optimizer.build_optimizer(spec, FrozenModel(net, resolved).trainable, resolved)
    assert built.is_group
    rates = [float(rate.asnumpy()) for rate in built.learning_rate]
    decays = [float(decay.asnumpy()) for decay in built.weight_decay]
    names = {id(p): name for name, p in net.parameters_and_names()}
    pairs = zip(rates, decays, strict=True)
    return {names[id(p)]: pair for p, pair in zip(built.parameters, pairs, strict=True)}


def test_factor_and_decay_of_a_rule() -> None:
    net = TwoConvs()
    rules = [trained("conv1", lr_factor=0.1, weight_decay=0.0), trained("fc", weight_decay=1.0)]
    groups = rate_and_decay(net, plan.resolve(rules, module_tree.describe(net)))
    assert groups["conv1.weight"] == pytest.approx((0.05, 0))
    assert groups["conv2.weight"] == pytest.approx((0.5, 0.25))
    assert groups["fc.bias"] == pytest.approx((0.5, 1))


def test_what_has_no_decay_without_groups_has_none_with_them() -> None:
    net = Normed()
    rules = [trained("fc", lr_factor=0.5), trained("bn2.gamma", weight_decay=0.125)]
    groups = rate_and_decay(net, plan.resolve(rules, module_tree.describe(net)))
    assert groups["bn1.gamma"] == groups["bn1.beta"] == pytest.approx((0.5, 0))
    assert groups["bn2.gamma"] == pytest.approx((0.5, 0.125))
    assert groups["conv1.weight"] == pytest.approx((0.5, 0.25))


class Named(nn.Cell):
    """A layer whose parameters are called as those of a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.beta_proj = nn.Dense(4, 3)
        self.norm = nn.LayerNorm([3])


def decays(
    net: nn.Cell, no_decay: list[str] | None, *rules: Rule, spec: dict[str, Any] = DECAY
) -> dict[str, float]:
    """Weight decay of each parameter, as the optimizer applies it."""
    resolved = plan.resolve(rules, module_tree.describe(net), no_decay=no_decay or ())
    spec = {**spec, "no_decay": no_decay}
    built = optimizer.build_optimizer(spec, FrozenModel(net, resolved).trainable, resolved)
    names = {id(p): name for name, p in net.parameters_and_names()}
    values = arguments.decays(built)
    return {names[id(p)]: value for p, value in zip(built.parameters, values, strict=True)}


@pytest.mark.parametrize(
    ("no_decay", "expected"),
    [
        (None, set()),
        ([], {"beta_proj.weight", "beta_proj.bias", "norm.gamma", "norm.beta"}),
        (["norm"], {"beta_proj.weight", "beta_proj.bias"}),
        (["bias"], {"beta_proj.weight", "norm.gamma"}),
        (["norm", "bias"], {"beta_proj.weight"}),
    ],
)
def test_decay_is_decided_by_the_kind_of_the_cell(
    no_decay: list[str] | None, expected: set[str]
) -> None:
    net = Named()
    assert {name for name, decay in decays(net, no_decay).items() if decay} == expected


def test_a_rule_decides_before_no_decay() -> None:
    rule_of_norm = trained("norm.gamma", weight_decay=0.5)
    result = decays(Named(), ["norm", "bias"], rule_of_norm)
    assert result == {
        "beta_proj.weight": 0.25,
        "beta_proj.bias": 0.0,
        "norm.gamma": 0.5,
        "norm.beta": 0.0,
    }


def test_the_decay_of_a_class_by_default_is_left_out_too() -> None:
    spec = {"_target_": "trainer.optim.optimizers.adam.AdamW", "lr": 0.1}
    result = decays(Named(), ["norm", "bias"], spec=spec)
    assert result.pop("beta_proj.weight") == pytest.approx(0.01)
    assert set(result.values()) == {0.0}


def test_the_plan_lists_what_does_not_decay() -> None:
    tree = module_tree.describe(Named())
    resolved = plan.resolve([rule("beta_proj")], tree, no_decay=["norm", "bias"])
    listed = {p.name: p.weight_decay for p in resolved.parameters}
    assert listed == {
        "beta_proj.weight": None,  # frozen
        "beta_proj.bias": None,
        "norm.gamma": 0.0,
        "norm.beta": 0.0,
    }


def test_the_default_needs_no_groups_where_names_and_kinds_agree() -> None:
    net = Normed()
    resolved = plan.resolve([], module_tree.describe(net), no_decay=["norm"])
    spec = {**DECAY, "no_decay": ["norm"]}
    built = optimizer.build_optimizer(spec, FrozenModel(net, resolved).trainable, resolved)
    assert not built.is_group, "the same graph as without no_decay"


def test_names_that_only_look_like_a_normalisation_are_reported() -> None:
    net = Named()
    tree = module_tree.describe(net)
    (line,) = undecayed_by_name(plan.resolve([], tree), tree)
    assert "2 parameters" in line
    assert "beta_proj.weight, beta_proj.bias (to decide by the cell" in line
    assert undecayed_by_name(plan.resolve([rule("beta_proj")], tree), tree) == []


def test_decay_over_depth_spares_the_frozen() -> None:
    net = TwoConvs()
    resolved = plan.resolve(
        [rule("conv2", method="requires_grad"), trained("fc", lr_factor=2)],
        module_tree.describe(net),
        lr_decay=0.5,
    )
    assert {p.name: p.lr_factor for p in resolved.parameters if p.name.endswith("bias")} == {
        "conv1.bias": 0.25,
        "conv2.bias": None,
        "fc.bias": 2.0,
    }


def test_parameters_that_are_treated_alike_are_no_groups() -> None:
    net = TwoConvs()
    resolved = plan_of(net, rule("conv1"))
    built = optimizer.build_optimizer(SPEC, FrozenModel(net, resolved).trainable, resolved)
    assert not built.is_group
    assert list(built.parameters) == net.trainable_params()


def step(net: nn.Cell, optimizer: nn.Optimizer) -> dict[str, Any]:
    before = to_numpy(net)
    net.set_train()
    TrainStep(net, LOSS, optimizer)(*IMAGES)
    after = to_numpy(net)
    return {name: np.subtract(after[name], before[name]) for name in before}


@pytest.mark.parametrize("name", ["Momentum", "SGD", "Adam", "AdamWeightDecay"])
def test_every_optimizer_goes_by_the_factor(name: str) -> None:
    spec = {"_target_": f"mindspore.nn.{name}", "lr": 0.01}
    spec |= {"momentum": 0.9} if name == "Momentum" else {}
    one, other = TwoConvs(), TwoConvs()
    for mine, its in zip(one.get_parameters(), other.get_parameters(), strict=True):
        its.set_data(mine.value())
    resolved = plan.resolve([trained("conv1", lr_factor=0.25)], module_tree.describe(one))
    plain = step(one, optimizer.build_optimizer(spec, one.trainable_params()))
    slowed = step(other, optimizer.build_optimizer(spec, other.trainable_params(), resolved))
    for parameter, change in plain.items():
        factor = 0.25 if parameter.startswith("conv1") else 1.0
        np.testing.assert_allclose(slowed[parameter], factor * change, rtol=1e-3, atol=1e-7)


def test_rates_are_no_state_that_is_carried_over() -> None:
    net = TwoConvs()
    resolved = plan.resolve([trained("conv1", lr_factor=0.25)], module_tree.describe(net))
    old = optimizer.build_optimizer(SPEC, net.trainable_params(), resolved)
    new = optimizer.build_optimizer({**SPEC, "lr": 0.125}, net.trainable_params(), resolved)
    assert not [name for name in optimizer_state(new) if "learning_rate" in name]
    carry_over(old, new)
    assert float(new.learning_rate[0].asnumpy()) == 0.125 * 0.25

"""The effect of rules on real models: what moves in three steps, and what does not."""

import pytest
from mindspore import nn

from tests.support.nets import Normed, Residual, TwoConvs
from tests.support.stacks import Generator, Tied, Token, Twice
from tests.support.training import IMAGES, ROWS, plan_of, rule, train
from trainer.config.rules import Rule
from trainer.freezing import validation
from trainer.freezing.plan import Plan
from trainer.run import plan_rows


def moved(net: nn.Cell, *rules: Rule) -> set[str]:
    batch = IMAGES if isinstance(net, TwoConvs | Normed) else ROWS
    (names,) = train(
        net, plan_of(net, *rules, batch=batch), batches=lambda epoch: [batch] * 3
    ).moved
    return names


def trained(*patterns: str, norm: str | None = None) -> Rule:
    return Rule(patterns, "train", False, norm, label="t")


REST = Rule((), "requires_grad", False, label="the rest")


def test_affine_only_trains_gamma_and_beta_and_holds_the_statistics() -> None:
    affine = Rule(("bn1", "bn2"), "requires_grad", False, "affine-only", label="a")
    assert moved(Normed(), affine, trained("fc"), REST) == {
        *(f"{norm}.{own}" for norm in ("bn1", "bn2") for own in ("gamma", "beta")),
        "fc.weight",
        "fc.bias",
    }


def test_a_rule_that_trains_may_hold_the_statistics() -> None:
    names = moved(Normed(), trained("bn1", norm="eval"))
    assert "bn1.gamma" in names
    assert "bn1.moving_mean" not in names
    assert "bn2.moving_mean" in names


def test_methods_live_together_in_one_net() -> None:
    rules = [rule("conv1.bias", method="requires_grad"), rule("conv2"), trained("fc")]
    assert moved(TwoConvs(), *rules) == {"fc.weight", "fc.bias"}
    rules = [rule("conv1"), rule("conv2.bias", method="requires_grad")]
    assert moved(TwoConvs(), *rules) == {"conv2.weight", "fc.weight", "fc.bias"}


@pytest.mark.parametrize("method", ["requires_grad", "stop_gradient"])
@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_a_tied_weight_is_frozen_under_all_its_names(name: str, method: str) -> None:
    names = moved(Tied(), rule(name, method=method))
    assert "encoder.weight" not in names
    assert f"{name}.bias" not in names
    assert "head.weight" in names


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_shared_cell_is_frozen_under_either_name(name: str) -> None:
    assert moved(Twice(), rule(name, method="requires_grad")) == {"head.weight", "head.bias"}


def test_that_a_weight_is_tied_is_said() -> None:
    rows = plan_rows.frozen_rows(
        plan_of(Tied(), rule("encoder", method="requires_grad"), batch=ROWS)
    )
    note = "encoder.weight is also decoder.weight: one parameter, one state"
    assert ("", note) in rows


def test_a_parameter_of_the_net_itself_is_frozen_by_its_flag() -> None:
    names = moved(Token(), rule("token", method="requires_grad"))
    assert "token" not in names
    assert "stem.weight" in names


def test_one_block_of_a_residual_net() -> None:
    names = moved(Residual(), trained("block"), trained("head"), REST)
    assert {name.partition(".")[0] for name in names} == {"block", "head"}


def test_the_screen_tells_rates_that_differ() -> None:
    slow = Rule(("conv1",), "train", False, None, lr_factor=0.5, weight_decay=0.0, label="t")
    resolved: Plan = plan_of(TwoConvs(), slow)
    assert plan_rows.rate_rows(0.1, resolved) == [
        ("trainable", "lr 0.05, weight decay 0: conv1.weight, conv1.bias (20 values)"),
        (
            "trainable",
            "lr 0.1: conv2.weight, conv2.bias, fc.weight, fc.bias (65 values)",
        ),
    ]
    assert plan_rows.rate_rows(0.1, plan_of(TwoConvs(), rule("conv1"))) == []


def test_a_parameter_of_the_net_itself_is_cut_off_with_what_lies_behind_it() -> None:
    rest = Rule((), "stop_gradient", True, label="the rest")
    assert moved(Token(), trained("head"), rest) == {"head.weight", "head.bias"}


def test_a_tie_that_has_all_frozen_is_named_with_its_remedy() -> None:
    (problem,) = validation.all_frozen(plan_of(Generator(), rule("head"), batch=ROWS))
    assert "embedding.weight is tied, it is also head.weight, and the cut behind" in problem
    assert "all that lies before it: method=requires_grad freezes the tied weight" in problem
    alone = plan_of(Generator(), rule("head", method="requires_grad"), batch=ROWS)
    assert not validation.all_frozen(alone)

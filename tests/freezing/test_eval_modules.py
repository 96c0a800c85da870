"""What runs in inference mode under rules with a norm and a dropout of their own."""

import pytest

from tests.support.nets import Normed
from tests.support.stacks import Stack
from trainer.backend.graph import module_tree
from trainer.config.rules import Rule
from trainer.freezing import plan
from trainer.freezing.plan import STATISTICS

NORMED, STACK = module_tree.describe(Normed()), module_tree.describe(Stack())
MEANS = ("bn1.moving_mean", "bn1.moving_variance")


def frozen(*patterns: str, norm: str = "eval", dropout: str | None = None, **more: object) -> Rule:
    return Rule(patterns, "requires_grad", False, norm, dropout=dropout, label="f", **more)  # type: ignore[arg-type]


def trained(*patterns: str, norm: str | None = None, **more: object) -> Rule:
    return Rule(patterns, "train", False, norm, label="t", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("norm", "dropout", "expected"),
    [
        ("eval", None, {"blocks.0"}),
        ("eval", "off", {"blocks.0"}),
        ("eval", "on", {"blocks.0.norm"}),
        ("train", None, set()),
        ("train", "on", set()),
        ("train", "off", {"blocks.0.drop"}),
    ],
)
def test_norm_and_dropout_of_a_frozen_block(
    norm: str, dropout: str | None, expected: set[str]
) -> None:
    resolved = plan.resolve([frozen("blocks[0]", norm=norm, dropout=dropout)], STACK)
    assert set(resolved.inference) == expected
    still = "blocks.0.norm.moving_mean" in resolved.names("frozen")
    assert still == (norm == "eval")


def test_affine_only_holds_statistics_while_gamma_and_beta_train() -> None:
    resolved = plan.resolve([frozen("conv1", "bn1", norm="affine-only")], NORMED)
    states = {p.name: p.state for p in resolved.parameters}
    assert [states[f"bn1.{own}"] for own in ("gamma", "beta")] == ["trainable"] * 2
    assert [states[name] for name in MEANS] == ["frozen"] * 2
    assert states["conv1.weight"] == "frozen"
    assert set(resolved.inference) == {"conv1", "bn1"}


@pytest.mark.parametrize(("norm", "held"), [(None, False), ("train", False), ("eval", True)])
def test_a_rule_that_trains_may_hold_statistics(norm: str | None, held: bool) -> None:
    resolved = plan.resolve([trained("bn1", norm=norm)], NORMED)
    assert ("bn1" in resolved.inference) == held
    assert set(MEANS) <= set(resolved.names("frozen" if held else "buffer"))


@pytest.mark.parametrize(
    ("rule", "state", "by", "method"),
    [
        (frozen("bn1"), "frozen", "f", "requires_grad"),
        (frozen("bn1", norm="affine-only"), "frozen", "f", "requires_grad"),
        (frozen("bn1", norm="train"), "buffer", "", ""),
        (trained("bn1", norm="eval"), "frozen", "t", ""),
        (trained("bn1", norm="train"), "buffer", "", ""),
        (trained("fc"), "buffer", "", ""),
    ],
)
def test_statistics_have_the_method_of_the_rule_that_freezes_them(
    rule: Rule, state: str, by: str, method: str
) -> None:
    planned = {p.name: p for p in plan.resolve([rule], NORMED).parameters}
    for name in MEANS:
        assert (planned[name].state, planned[name].by, planned[name].method) == (state, by, method)
    assert not any(p.method for p in planned.values() if p.state != "frozen")


def test_a_rule_of_roles_leaves_statistics_to_the_rule_after_it() -> None:
    rules = [trained(roles=("norm_scale", "norm_shift")), trained("fc"), frozen()]
    resolved = plan.resolve(rules, NORMED)
    assert {p.by for p in resolved.parameters if p.name in MEANS} == {"f"}
    assert {"bn1", "bn2"} <= set(resolved.inference)


def test_it_may_say_that_they_move() -> None:
    rules = [trained(roles=("norm_scale", "norm_shift"), norm="train"), trained("fc"), frozen()]
    assert set(MEANS) <= set(plan.resolve(rules, NORMED).names("buffer"))


def test_rules_that_differ_are_told_apart_within_one_block() -> None:
    rules = [frozen("blocks[0].norm", norm="train"), frozen("blocks[0]")]
    assert set(plan.resolve(rules, STACK).inference) == {"blocks.0.dense", "blocks.0.drop"}


def test_dropout_named_by_kind_is_off_everywhere() -> None:
    resolved = plan.resolve([frozen("stem"), frozen(kinds=("Dropout",))], STACK)
    assert set(resolved.inference) == {"stem", *(f"blocks.{at}.drop" for at in range(4))}


def test_statistics_that_no_pattern_takes_say_what_holds_them() -> None:
    resolved = plan.resolve([frozen("bn1.gamma", "bn1.beta")], NORMED)
    assert {p.by for p in resolved.parameters if p.name in MEANS} == {STATISTICS}

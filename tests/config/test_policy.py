"""Policies as a configuration says them, and the mistakes in their form."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.support.command import CHECKOUT
from trainer.config import policy, schema
from trainer.config.policy import Policy
from trainer.config.rules import Rule

BASE = {
    "model": {"_target_": "x.Net"},
    "dataset": {"_target_": "x.data"},
    "loss": {"_target_": "x.Loss"},
    "optimizer": {"_target_": "x.Optimizer", "lr": 0.1},
    "device": {"target": "cpu"},
}


def made(*rules: dict[str, Any], freeze: tuple[str, ...] = (), method: str = "cut") -> list[Rule]:
    chosen = Policy.model_validate({"rules": list(rules)})
    return policy.build_rules(chosen, freeze, method, "eval", lambda name: name == "cut")[0]


def read(**keys: Any) -> tuple[Policy, list[str]]:
    chosen, problems = schema.read({**BASE, "policy": keys})
    return chosen.policy, problems


def test_the_example_of_the_manual_is_sound() -> None:
    text = (CHECKOUT / "docs/policies.md").read_text().partition("```yaml\n")[2]
    written = OmegaConf.to_container(OmegaConf.create(text.partition("```")[0]))
    assert isinstance(written, dict)
    del written["defaults"]
    assert len(Policy.model_validate(written).rules) == 4


def test_without_rules_nothing_is_frozen() -> None:
    assert made() == []
    assert schema.read(BASE)[0].policy == Policy()


def test_the_short_form_is_one_rule_and_comes_first() -> None:
    assert made(freeze=("a", "b")) == [Rule(("a", "b"), "cut", True)]
    assert [r.key for r in made({"select": "c"}, freeze=("a",))] == ["freeze", "policy.rules[0]"]


def test_method_and_norm_default_to_those_of_the_short_form() -> None:
    plain, other, trained = made({}, {"method": "requires_grad"}, {"method": "train"})
    assert (plain.method, plain.cuts, plain.norm) == ("cut", True, "eval")
    assert (other.method, other.cuts, other.norm) == ("requires_grad", False, "eval")
    assert (trained.method, trained.cuts, trained.norm) == ("train", False, None)


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ({}, "rule 1 (the rest)"),
        ({"select": ["a", "b"], "except": "a.c"}, "rule 1 (a, b, not a.c)"),
        ({"last": 2, "of": ".", "role": "bias"}, "rule 1 (last 2, of ., role bias)"),
        ({"name": "head", "last": 2}, "rule 1 (head)"),
    ],
)
def test_a_rule_says_what_it_selects(rule: dict[str, Any], label: str) -> None:
    assert made(rule)[0].label == label


@pytest.mark.parametrize(("written", "read_as"), [(True, "on"), (False, "off"), ("off", "off")])
def test_dropout_is_read_as_yaml_gives_it(written: Any, read_as: str) -> None:
    (rule,) = made({"dropout": written})
    assert rule.dropout == read_as
    assert rule.quiet == (read_as == "off")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"select": "re:("}, "policy.rules[0].select[0]: expected a regular expression after re:"),
        ({"selct": "a"}, "policy.rules[0].selct: unknown key (nearest: select, except)"),
        ({"exept": "a"}, "policy.rules[0].exept: unknown key (nearest: except, select)"),
        ({"method": "detach"}, "policy.rules[0].method: expected one of train, requires_grad"),
        ({"role": "gamma"}, "policy.rules[0].role[0]: expected some of weight, bias, norm_scale"),
        ({"norm": "frozen"}, "policy.rules[0].norm: expected 'eval', 'train' or 'affine-only'"),
        ({"dropout": "no"}, "policy.rules[0].dropout: expected 'on' or 'off', received 'no'"),
        ({"first": 0}, "policy.rules[0].first: expected at least 1, received 0"),
        ({"first": "two"}, "policy.rules[0].first: expected a whole number, received 'two'"),
        ({"before_last": 100}, "policy.rules[0].before_last: expected less than 100"),
        ({"lr_factor": 0, "method": "train"}, "policy.rules[0].lr_factor: expected more than 0"),
        ({"weight_decay": -1, "method": "train"}, "rules[0].weight_decay: expected at least 0"),
        ({"lr_factor": 2}, "policy.rules[0]: expected lr_factor with method: train"),
        ({"dropout": "off", "method": "train"}, "expected dropout in a rule that freezes"),
        ({"of": "a"}, "expected first or last with of, received only of: a"),
        ("a", "policy.rules[0]: expected a group of keys, received 'a'"),
    ],
)
def test_mistakes_in_a_rule(rule: Any, expected: str) -> None:
    chosen, problems = read(rules=[rule])
    assert expected in problems[0]
    assert chosen == Policy()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rule": []}, "policy.rule: unknown key (nearest: rules)"),
        ({"lr_decay": 0}, "policy.lr_decay: expected more than 0.0, received 0"),
        ({"lr_decay": 1.5}, "policy.lr_decay: expected at most 1.0, received 1.5"),
        ({"n": 0}, "policy.n: expected at least 1, received 0"),
    ],
)
def test_mistakes_in_a_policy(keys: dict[str, Any], expected: str) -> None:
    assert expected in read(**keys)[1][0]


def test_all_mistakes_are_told_at_once() -> None:
    _, problems = read(rules=[{"first": 0, "selct": "a"}, {"method": "x"}], lr_decay=2)
    assert len(problems) == 4


def test_affine_only_needs_a_gradient_that_passes() -> None:
    chosen = Policy.model_validate({"rules": [{"norm": "affine-only"}]})
    _, (problem,) = policy.build_rules(chosen, (), "cut", "eval", lambda name: True)
    assert problem.startswith("policy.rules[0].norm: expected a method that lets the gradient pass")

"""The errors of rules for a model: each by itself, and several together."""

from collections.abc import Sequence
from typing import Any

import pytest
from mindspore import nn

from tests.support.nets import Dotted, Normed, TwoConvs
from tests.support.stacks import Shelved, Stack, Tied, Token
from tests.support.training import IMAGES, LOSS, ROWS
from trainer.backend.graph import module_tree
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.backend.graph.tracer import trace
from trainer.config import freeze_methods, policy
from trainer.config.policy import Policy
from trainer.config.rules import Rule
from trainer.freezing import plan, validation

STACK, NORMED, CONVS, TIED, TOKEN, SHELVED = (
    module_tree.describe(make()) for make in (Stack, Normed, TwoConvs, Tied, Token, Shelved)
)


def rules_of(*settings: dict[str, Any], freeze: Sequence[str] = ()) -> list[Rule]:
    chosen = Policy.model_validate({"rules": list(settings)})
    return policy.build_rules(chosen, freeze, "stop_gradient", "eval", _cuts)[0]


def _cuts(method: str) -> bool:
    return freeze_methods.cuts(method)


HEAD: dict[str, Any] = {"last": 1, "method": "train"}
STILL: dict[str, Any] = {"method": "requires_grad"}

SOUND: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "a head and the rest": [HEAD, {}],
    "three methods": [HEAD, {"select": "blocks[2:]", **STILL}, {}],
    "one of a block": [{"select": "blocks", "except": "blocks[1].dense"}],
    "nested names": [{"select": "blocks[0].dense", **STILL}, {"select": "blocks[0]"}],
    "nothing, and it may": [{"role": "bias", "kind": "Mixer", "first": 1, "optional": True}],
    "the same twice": [{"select": ["stem", "stem"]}],
}


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    assert validation.problems(rules_of(*SOUND[name]), STACK) == []


FAULTS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "unknown name": ([{"select": "blocs"}], "policy.rules[0].select: expected a cell or"),
    "index outside": ([{"select": "blocks[4]"}], "within 'blocks', which has 4 cells, received"),
    "inner index outside": ([{"select": "blocks[:2][3]"}], "'blocks.0', which has 3 cells"),
    "no step": ([{"select": "blocks[::0]"}], "expected a step other than 0"),
    "empty slice": ([{"select": "blocks[2:2]"}], "a slice that selects some of 'blocks'"),
    "unknown behind an index": ([{"select": "blocks[0].atn"}], "received 'blocks[0].atn'"),
    "unknown exception": ([{"except": "hed"}], "policy.rules[0].except: expected a cell"),
    "needless exception": (
        [{"select": "blocks", "except": "stem"}],
        "received 'stem', which it does not select in any case",
    ),
    "unknown kind": ([{"kind": "Densse"}], "received 'Densse' (nearest: Dense)"),
    "unknown container": ([{"first": 1, "of": "block"}], "rules[0].of: expected a cell"),
    "too many layers": ([{"first": 11}], "expected at most 10, the number of layers of the model"),
    "too many children": (
        [{"last": 5, "of": "blocks"}],
        "expected at most 4, the number of cells in 'blocks'",
    ),
    "no such role in it": (
        [{"role": "norm_scale", "kind": "Dense"}],
        "expected a rule that matches a parameter, but rule 1 (kind Dense, role norm_scale)",
    ),
    "nothing left": (
        [{"select": "*.dense", **STILL}, {"kind": "Dense", "first": 2, "last": 9}],
        "are already decided by rule 1 (*.dense); put it first",
    ),
    "two claims": (
        [{"select": "stem"}, {"select": ["stem", "blocks[0]"], "method": "train"}],
        "one rule to decide 'stem.weight', but 'stem' in policy.rules[0]",
    ),
    "nothing that can train": (
        [{"select": "*.moving_mean", "method": "train"}],
        "rule 1 (*.moving_mean) trains only parameters that the model itself freezes",
    ),
    "part of a cell": ([{"role": "bias"}], "which matches 'stem.bias' but not all of its cell"),
    "all frozen": (
        [{"select": "*"}],
        "policy: expected at least one trainable parameter, but all are frozen (by rule 1",
    ),
    "all frozen by the rest": ([{"last": 1}, {}], "all are frozen (by rule 1 (last 1), rule 2"),
    "cells without parameters": (
        [{"select": "*.drop", **STILL}],
        "'*.drop' matches only cells without parameters",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str) -> None:
    settings, expected = FAULTS[name]
    problems = validation.problems(rules_of(*settings), STACK)
    assert problems
    assert expected in problems[0], problems


def test_faults_are_told_together() -> None:
    settings: list[dict[str, Any]] = [
        {"select": "blocs"},
        {"kind": "Conv2d"},
        {"first": 99},
        {"except": "hed"},
    ]
    assert len(validation.problems(rules_of(*settings), STACK)) == 4
    settings = [{"select": "stem"}, {"select": "stem", **STILL}, {"role": "weight"}, HEAD, {}, {}]
    problems = validation.problems(rules_of(*settings), STACK)
    assert "equally closely" in problems[0]
    assert "left for rule 6" in problems[1]
    assert "matches 'head.weight' but not all of its cell" in problems[2]


def test_the_short_form_and_a_policy_may_not_dispute_a_name() -> None:
    problems = validation.problems(rules_of({"select": "stem", **STILL}, freeze=["stem"]), STACK)
    assert "'stem' in freeze and 'stem' name it equally closely" in problems[0]


@pytest.mark.parametrize("swapped", [False, True])
def test_only_parameters_that_both_rules_name_equally_closely_are_disputed(swapped: bool) -> None:
    close = {"select": ["blocks[0]", "blocks[0].dense"]}
    above = {"select": "blocks[0]", **STILL}
    problems = validation.problems(
        rules_of(*([above, close] if swapped else [close, above])), STACK
    )
    assert "expected one rule to decide 'blocks.0.norm." in problems[0]
    nested = [{"select": "blocks[0].dense"}, {"select": "blocks", **STILL}]
    errors = validation.problems(rules_of(*(nested[::-1] if swapped else nested)), STACK)
    assert not any("equally closely" in error for error in errors)


def test_two_names_of_a_tied_parameter_are_equally_close() -> None:
    problems = validation.problems(
        rules_of({"select": "encoder"}, {"select": "decoder", **STILL}), TIED
    )
    assert "'encoder' in policy.rules[0] and 'decoder' name it equally closely" in problems[0]


@pytest.mark.parametrize(
    ("tree", "select", "why"),
    [
        (TOKEN, "token", "but the model itself owns it"),
        (SHELVED, "shelf", "but 'shelf' is a container, never called itself"),
    ],
)
def test_what_cannot_be_cut(tree: module_tree.ModuleTree, select: str, why: str) -> None:
    (problem,) = validation.problems(rules_of({"select": select}), tree)
    assert why in problem
    assert problem.endswith("use method: requires_grad")
    assert validation.problems(rules_of({"select": select, **STILL}), tree) == []


def test_a_cell_that_trains_in_part_is_cut_in_its_frozen_part() -> None:
    resolved = plan.resolve(
        rules_of({"select": "blocks[0].norm", "method": "train"}, HEAD, {}), STACK
    )
    assert "blocks.0" not in resolved.cuts
    assert "blocks.0.dense" in resolved.cuts


def test_what_the_net_itself_owns_is_cut_off_if_it_lies_upstream_of_a_cut() -> None:
    rules = rules_of(HEAD, {})
    assert validation.problems(rules, TOKEN) == []
    resolved = plan.resolve(rules, TOKEN)
    assert validation.reached_despite_cut(resolved, TOKEN, {"token"}) == []
    (problem,) = validation.reached_despite_cut(resolved, TOKEN, set())
    assert "the gradient reaches it past stem" in problem
    net = Token()
    graph = trace(net, [(LOSS, ROWS)], resolved.cuts)
    assert "token" in unreachable_parameters(graph, resolved.cuts, resolved.cut_methods)


def lost(net: nn.Cell, *settings: dict[str, Any]) -> list[str]:
    rules, tree = rules_of(*settings), module_tree.describe(net)
    assert validation.problems(rules, tree) == []
    resolved = plan.resolve(rules, tree)
    graph = trace(net, [(LOSS, IMAGES)], resolved.cuts)
    upstream = unreachable_parameters(graph, resolved.cuts, resolved.cut_methods)
    return validation.out_of_reach(rules, plan.resolve(rules, tree, upstream), upstream)


def test_what_a_rule_trains_upstream_of_a_cut_is_named() -> None:
    (problem,) = lost(TwoConvs(), {"select": "conv2"}, {"select": "conv1", "method": "train"})
    assert "rule 2 (conv1) trains conv1.weight, conv1.bias, upstream" in problem


def test_what_no_rule_trains_upstream_of_a_cut_is_frozen_quietly() -> None:
    assert lost(TwoConvs(), {"select": "conv2"}) == []
    assert lost(TwoConvs(), HEAD, {}) == []


def test_a_parameter_whose_own_name_has_dots_is_cut_off_with_its_cell() -> None:
    tree = module_tree.describe(Dotted())
    whole = rules_of({"select": ["scaled.scales.0", "scaled.scales.1"]})
    assert validation.problems(whole, tree) == []
    assert plan.resolve(whole, tree).cuts == ("scaled",)
    (problem,) = validation.problems(rules_of({"select": "scaled.scales.0"}), tree)
    assert "'scaled.scales.0' but not all of its cell; use select: scaled or method" in problem

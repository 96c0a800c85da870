import pytest
from mindspore import nn

from tests.support.nets import Normed, Residual, TwoConvs
from tests.support.stacks import Stack, Tied
from trainer.backend.graph import module_tree
from trainer.config.rules import TRAIN, Rule
from trainer.freezing import plan
from trainer.freezing.plan_warnings import plan_warnings

FLAG = ("requires_grad", False)


def warnings_of(net: nn.Cell, *rules: Rule, upstream: tuple[str, ...] = ()) -> list[str]:
    tree = module_tree.describe(net)
    return plan_warnings(plan.resolve(rules, tree, upstream), rules, tree)


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (Rule(("conv1",), *FLAG),),
        (Rule(("fc",), TRAIN, False, None), Rule((), *FLAG, label="the rest")),
    ],
    ids=["none", "one", "rest"],
)
def test_nothing(rules: tuple[Rule, ...]) -> None:
    assert warnings_of(TwoConvs(), *rules) == []


def test_statistics_that_move_between_frozen_weights() -> None:
    (line,) = warnings_of(Normed(), Rule(("conv1", "bn1"), *FLAG, norm="train"))
    assert line.startswith(
        "running statistics are updated in 1 cell whose weights are frozen: bn1 "
    )
    assert warnings_of(Normed(), Rule(("conv1",), *FLAG, norm="train")) == []
    assert warnings_of(Normed(), Rule(("conv1", "bn1"), *FLAG)) == []


def test_what_the_model_itself_keeps_constant() -> None:
    net = Normed()
    net.conv1.weight.requires_grad = False
    (line,) = warnings_of(net)
    assert line.startswith(
        "set to requires_grad=False by the model itself: 1 parameter, conv1.weight; not trained"
    )
    assert warnings_of(net, Rule(("conv1",), *FLAG)) == [], "it is frozen and in the proof"


def test_tied_weights() -> None:
    (line,) = warnings_of(Tied(), Rule(("encoder.bias",), *FLAG))
    assert line == "encoder.weight is also decoder.weight: one parameter, one state"


def test_a_cut_that_freezes_more_than_was_asked() -> None:
    (line,) = warnings_of(
        Residual(), Rule(("block",), "stop_gradient", True), upstream=("stem.weight", "stem.bias")
    )
    assert line.startswith(
        "frozen although no rule names them, because they are upstream of a cut: 2 parameters"
    )
    assert "stem.weight, stem.bias" in line


def test_a_rule_that_shadows_another() -> None:
    first = Rule(("blocks.0",), TRAIN, False, None, label="rule 1 (blocks.0)")
    biases = Rule((), *FLAG, roles=("bias",), label="rule 2 (role bias)")
    (line,) = warnings_of(Stack(), first, biases)
    assert line == (
        "rule 2 (role bias) does not apply to 1 of the 6 parameters that it selects, because rule "
        "1 (blocks.0) comes first: blocks.0.dense.bias"
    )


def test_rules_that_say_the_same_and_the_rest_are_no_shadow() -> None:
    head = Rule(("head",), TRAIN, False, None, label="rule 1")
    biases = Rule((), TRAIN, False, None, roles=("bias",), label="rule 2")
    assert warnings_of(Stack(), head, biases, Rule((), *FLAG, label="rule 3 (the rest)")) == []


def test_what_is_re_initialised_and_frozen() -> None:
    tree, rules = module_tree.describe(TwoConvs()), [Rule(("fc",), *FLAG)]
    (line,) = plan_warnings(plan.resolve(rules, tree), rules, tree, ["fc"])
    assert line == "fc.weight, fc.bias are re-initialised (new_head) and frozen: they stay random"


def test_a_slice_of_what_is_re_initialised_and_frozen() -> None:
    tree, rules = module_tree.describe(Stack()), [Rule(("blocks.3.dense.bias",), *FLAG)]
    (line,) = plan_warnings(plan.resolve(rules, tree), rules, tree, ["blocks[-2:].dense"])
    assert line.startswith("blocks.3.dense.bias are re-initialised")

"""The tree of a plan: what is alike is folded, what differs is shown."""

import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import Nested, Normed, TwoConvs
from tests.support.stacks import Stack, Tied, Token
from trainer.backend.graph import module_tree
from trainer.cli.plan_tree import Branch, text, tree
from trainer.config.rules import TRAIN, Rule
from trainer.freezing import plan
from trainer.freezing.plan import Plan

CUT = ("stop_gradient", True)
FLAG = ("requires_grad", False)


def planned(net: nn.Cell, *rules: Rule, lr_decay: float = 1.0) -> Plan:
    return plan.resolve(rules, module_tree.describe(net), lr_decay=lr_decay)


def names(branch: Branch) -> list[str]:
    return [child.name for child in branch.children]


def grown(net: nn.Cell, *rules: Rule, depth: int | None = None, lr_decay: float = 1.0) -> Branch:
    return tree(planned(net, *rules, lr_decay=lr_decay), module_tree.describe(net), "net", depth)


def test_a_branch_that_is_treated_alike_is_one_line() -> None:
    root = grown(Stack())
    assert names(root) == ["stem", "blocks", "head"]
    assert [child.children for child in root.children] == [(), (), ()]


def test_siblings_that_are_alike_stand_together_with_the_sum_of_their_values() -> None:
    root = grown(Stack(), Rule(("blocks[0:3]",), *FLAG))
    blocks = root.children[1]
    assert names(blocks) == ["0-2", "3"]
    first, last = blocks.children
    assert (first.count, first.values, first.treatment and first.treatment.state) == (
        3,
        3 * last.values,
        "frozen",
    )


def test_siblings_are_opened_together_where_they_differ_within() -> None:
    root = grown(Stack(), Rule(("*.bias",), *FLAG))
    (block,) = root.children[1].children
    assert (block.name, block.count, names(block)) == ("0-3", 4, ["dense", "norm"])
    assert names(block.children[0]) == ["weight", "bias"]
    assert block.children[0].values == 4 * 20
    assert [child.values for child in block.children[0].children] == [64, 16]


def test_rates_that_differ_are_not_folded() -> None:
    root = grown(Stack(), lr_decay=0.5)
    assert names(root.children[1]) == ["0", "1", "2", "3"]


def test_many_patterns_with_one_effect_are_one_line() -> None:
    net = nn.SequentialCell([nn.Dense(2, 2) for _ in range(40)])
    plan_of_all = planned(net, *(Rule((str(number),), *FLAG) for number in range(39)))
    root = tree(plan_of_all, module_tree.describe(net), "net")
    assert names(root) == ["0-38", "39"]
    long = Rule(tuple(str(number) for number in range(39)), *FLAG, label="rule 1 (" + "0, " * 999)
    lines = text(tree(planned(net, long), module_tree.describe(net), "net"), 0.1, 0.0).splitlines()
    assert max(map(len, lines)) < 250


def test_only_neighbours_that_differ_in_their_number_are_put_together() -> None:
    assert names(grown(TwoConvs())) == ["conv1-2", "fc"]
    assert names(grown(Normed())) == ["conv1", "bn1", "conv2", "bn2", "fc"]


@pytest.mark.parametrize(
    ("depth", "shown"), [(1, []), (2, ["0-3"]), (None, ["0-3"])], ids=["1", "2", "none"]
)
def test_depth(depth: int | None, shown: list[str]) -> None:
    blocks = grown(Stack(), Rule(("*.bias",), *FLAG), depth=depth).children[1]
    assert names(blocks) == shown
    assert blocks.treatment is None


def test_parameters_of_the_net_itself_are_shown() -> None:
    assert names(grown(Token())) == ["token", "stem", "head"]


def test_a_parameter_whose_own_name_has_a_dot_is_not_lost() -> None:
    net = TwoConvs()
    net.insert_param_to_cell("extra_0", Parameter(Tensor([1.0]), name="extra.0"), False)
    net._params["extra.0"] = net._params.pop("extra_0")
    root = grown(net)
    assert "extra.0" in names(root)
    assert root.values == sum(p.size for p in module_tree.describe(net).parameters)


def test_a_cell_whose_only_weight_is_tied_to_another_shows_the_rest() -> None:
    assert names(grown(Tied())) == ["encoder", "decoder", "head"]


def test_text_tells_rates_modes_rules_and_cuts() -> None:
    train = Rule(("bn2",), TRAIN, False, None, lr_factor=0.1, label="rule 1 (bn2)")
    root = grown(Normed(), train, Rule(("conv1", "bn1"), *CUT))
    lines = {line.split()[1]: line for line in text(root, 0.01, 1e-4).splitlines()[2:]}
    assert lines["conv1"].split()[4:] == [
        *("frozen", "conv1", "(stop_gradient);", "cut", "behind", "it"),
    ]
    assert " eval  bn1 (stop_gradient)" in lines["bn1"]
    assert lines["conv2"].endswith("trainable   0.01  0.0001")
    assert lines["bn2"].split() == [
        *("├─", "bn2", "BatchNorm2d", "4", "trainable", "0.001", "0", "train"),
        *("rule", "1", "(bn2)"),
    ]


def test_text_counts_the_cuts_in_what_is_folded() -> None:
    root = grown(Nested(), Rule(("layers",), *CUT))
    assert "2 cuts inside" in text(root, 0.01, 0.0)

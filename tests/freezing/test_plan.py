import json

import pytest
from mindspore import Parameter, Tensor, nn

from tests.support.nets import Nested, Normed, Residual, TwoConvs
from tests.support.stacks import Stack
from tests.support.training import rule
from trainer.backend.graph import module_tree
from trainer.config.rules import Rule
from trainer.freezing import plan, validation
from trainer.freezing.assignment import UPSTREAM
from trainer.freezing.plan import STATISTICS

NORMED, CONVS, NESTED = (module_tree.describe(make()) for make in (Normed, TwoConvs, Nested))
STILL = ("bn1.moving_mean", "bn1.moving_variance")


def test_no_rule_freezes_nothing() -> None:
    resolved = plan.resolve([], NORMED)
    assert not resolved.select("frozen")
    assert resolved.names("buffer") == (*STILL, "bn2.moving_mean", "bn2.moving_variance")
    assert (resolved.cuts, resolved.inference) == ((), ())


def test_every_parameter_stands_in_the_plan_once_and_in_order() -> None:
    resolved = plan.resolve([rule("conv1")], NORMED)
    assert [p.name for p in resolved.parameters] == [p.name for p in NORMED.parameters]


@pytest.mark.parametrize(("method", "cuts"), [("requires_grad", ()), ("stop_gradient", ("conv1",))])
def test_a_frozen_cell(method: str, cuts: tuple[str, ...]) -> None:
    resolved = plan.resolve([rule("conv1", method=method)], CONVS)
    assert resolved.names("frozen") == ("conv1.weight", "conv1.bias")
    assert {(p.by, p.method) for p in resolved.select("frozen")} == {("conv1", method)}
    assert {(p.by, p.method) for p in resolved.select("trainable")} == {("", "")}
    assert resolved.cuts == cuts


def test_what_is_upstream_is_frozen_and_says_so() -> None:
    upstream = ("conv1.weight", "conv1.bias")
    resolved = plan.resolve([rule("conv2")], CONVS, upstream)
    assert {p.name for p in resolved.select("frozen") if p.by == UPSTREAM} == set(upstream)
    assert resolved.names("trainable") == ("fc.weight", "fc.bias")
    assert resolved.cuts == ("conv2",)


def test_the_first_rule_that_takes_a_parameter_decides() -> None:
    rules = [rule("conv1.bias", method="requires_grad"), rule("conv*")]
    resolved = plan.resolve(rules, CONVS)
    methods = {p.name: p.method for p in resolved.parameters}
    assert methods["conv1.bias"] == "requires_grad"
    assert methods["conv1.weight"] == "stop_gradient"


def test_each_cut_has_the_method_of_its_rule() -> None:
    rules = [rule("conv2"), Rule(("conv1",), "another", True)]
    resolved = plan.resolve(rules, CONVS)
    assert (resolved.cuts, resolved.cut_methods) == (
        ("conv2", "conv1"),
        ("stop_gradient", "another"),
    )
    assert resolved.cut_by("another") == ("conv1",)


def test_statistics_of_the_frozen_part_are_frozen() -> None:
    resolved = plan.resolve([rule("conv1", "bn1", method="requires_grad")], NORMED)
    assert set(STILL) <= set(resolved.names("frozen"))
    assert set(resolved.inference) == {"conv1", "bn1"}
    assert resolved.names("buffer") == ("bn2.moving_mean", "bn2.moving_variance")


def test_statistics_move_on_where_norm_is_train() -> None:
    resolved = plan.resolve([rule("conv1", "bn1", norm="train")], NORMED)
    assert set(STILL) <= set(resolved.names("buffer"))
    assert resolved.inference == ()


def test_a_normalisation_that_is_partly_open_keeps_its_training_mode() -> None:
    resolved = plan.resolve([rule("bn1.gamma", method="requires_grad")], NORMED)
    assert resolved.inference == ()
    assert set(STILL) <= set(resolved.names("buffer"))


def test_a_statistic_upstream_of_the_cut_is_frozen() -> None:
    upstream = ("conv1.weight", "bn1.gamma", "bn1.beta", "dropout")
    resolved = plan.resolve([rule("conv2")], NORMED, upstream)
    by = {p.name: p.by for p in resolved.select("frozen")}
    assert {by[name] for name in STILL} == {STATISTICS}
    assert resolved.inference == ("conv1", "bn1", "dropout", "conv2")


def test_cells_in_inference_mode_are_named_by_the_topmost() -> None:
    resolved = plan.resolve([rule("block")], module_tree.describe(Residual()))
    assert resolved.inference == ("block",)
    assert "block.norm.moving_mean" in resolved.names("frozen")


@pytest.mark.parametrize(
    ("pattern", "cuts"),
    [
        ("layers", ("layers.0", "layers.1")),
        ("layers.1", ("layers.1",)),
        ("layers.*", ("layers.0", "layers.1")),
        ("re:layers\\.1\\.[01]", ("layers.1.0", "layers.1.1")),
    ],
)
def test_cuts_stand_behind_the_topmost_cells_that_are_called(
    pattern: str, cuts: tuple[str, ...]
) -> None:
    assert plan.resolve([rule(pattern)], NESTED).cuts == cuts


def test_what_the_net_itself_keeps_still_is_a_buffer() -> None:
    net = nn.Dense(2, 3)
    net.scale = Parameter(Tensor(1.0), name="scale", requires_grad=False)
    assert plan.resolve([], module_tree.describe(net)).names("buffer") == ("scale",)


def test_a_plan_is_plain_data() -> None:
    written = json.loads(json.dumps(plan.resolve([rule("conv1")], CONVS).as_json()))
    assert written["cuts"] == ["conv1"]
    assert written["parameters"][0] == {
        "name": "conv1.weight",
        "shape": [2, 1, 3, 3],
        "nbytes": 72,
        "state": "frozen",
        "by": "conv1",
        "method": "stop_gradient",
        "lr_factor": None,
        "weight_decay": None,
        "tied": [],
    }


@pytest.mark.parametrize("patterns", [("conv1",), ("conv*",), ("re:conv.",), ("flatten",)])
def test_sound_rules(patterns: tuple[str, ...]) -> None:
    assert validation.problems([rule(*patterns)], CONVS) == []


@pytest.mark.parametrize(
    ("pattern", "method", "complaint"),
    [
        ("convv1", "requires_grad", "received 'convv1' (nearest: conv1"),
        ("0", "requires_grad", "('*.0' would match"),
        ("flatten", "requires_grad", "matches only cells without parameters"),
        ("conv1.weight", "stop_gradient", "expected whole cells for stop_gradient"),
        ("*", "requires_grad", "all are frozen (by *)"),
    ],
)
def test_what_is_wrong_with_a_rule(pattern: str, method: str, complaint: str) -> None:
    tree = NESTED if pattern == "0" else CONVS
    (problem,) = validation.problems([rule(pattern, method=method)], tree)
    assert complaint in problem


def test_all_problems_are_told_at_once() -> None:
    assert len(validation.problems([rule("nothing", "conv1", "fcc")], CONVS)) == 2


@pytest.mark.parametrize(
    ("pattern", "kinds", "excluded", "behind"),
    [
        ("blocks", (), ("*.norm",), "dense"),
        ("blocks.*", (), ("*.norm",), "dense"),
        ("blocks", ("Dropout",), (), "drop"),
        ("*.drop", (), (), "drop"),
    ],
)
def test_a_cell_without_weights_is_cut_off_only_where_it_is_meant(
    pattern: str, kinds: tuple[str, ...], excluded: tuple[str, ...], behind: str
) -> None:
    """A cut behind the dropout of a block would freeze what the rule excepts in that block."""
    chosen = Rule((pattern,), "stop_gradient", cuts=True, kinds=kinds, excluded=excluded)
    expected = tuple(f"blocks.{at}.{behind}" for at in range(4))
    assert plan.resolve([chosen], module_tree.describe(Stack())).cuts == expected


@pytest.mark.parametrize("cell", ["conv1", "flatten"])  # with weights and without
@pytest.mark.parametrize("methods", [("stop_gradient", "another"), ("another", "stop_gradient")])
def test_a_cell_that_two_methods_would_cut_is_cut_by_the_first(
    methods: tuple[str, str], cell: str
) -> None:
    rules = [Rule((cell,), method, True) for method in methods]
    resolved = plan.resolve(rules, CONVS)
    assert (resolved.cuts, resolved.cut_methods) == ((cell,), methods[:1])
    assert {p.method for p in resolved.select("frozen")} <= {methods[0]}

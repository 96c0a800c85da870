"""Every kind of selector with none, one, some and all of what it may take."""

from typing import Any

import pytest
from mindspore import nn

from tests.support.nets import Dotted
from tests.support.stacks import Generator, Stack, Tied, Twice
from trainer.backend.graph import module_tree
from trainer.backend.graph.module_tree import ModuleTree
from trainer.config.rules import Rule
from trainer.freezing import selection

STACK, TIED, TWICE = (module_tree.describe(make()) for make in (Stack, Tied, Twice))
ALL = {p.name for p in STACK.parameters}
NONE: set[str] = set()


def taken(tree: ModuleTree = STACK, *patterns: str, **selectors: Any) -> set[str]:
    rule = Rule(patterns, "requires_grad", False, **selectors)
    return set(selection.select(rule, tree).parameters)


def beneath(*cells: str) -> set[str]:
    return {name for name in ALL if any(name.startswith(f"{cell}.") for cell in cells)}


BLOCKS = [f"blocks.{at}" for at in range(4)]
BIASES = {"stem.bias", "head.bias", *(f"{block}.dense.bias" for block in BLOCKS)}
GAMMAS = {f"{block}.norm.gamma" for block in BLOCKS}
BETAS = {f"{block}.norm.beta" for block in BLOCKS}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("blocks.9", NONE),
        ("stem.weight", {"stem.weight"}),
        ("blocks", beneath("blocks")),
        ("*", ALL),
        ("*.beta", BETAS),
        (r"re:blocks\.[01]", beneath("blocks.0", "blocks.1")),
        ("blocks.[12]", beneath("blocks.1", "blocks.2")),
        ("stem[0]", NONE),
        ("blocks[0]", beneath("blocks.0")),
        ("blocks[-1]", beneath("blocks.3")),
        ("blocks[1:3]", beneath("blocks.1", "blocks.2")),
        ("blocks[-2:]", beneath("blocks.2", "blocks.3")),
        ("blocks[::2]", beneath("blocks.0", "blocks.2")),
        ("blocks[:]", beneath("blocks")),
        ("blocks[2:2]", NONE),
        ("blocks[7]", NONE),
        ("blocks[-1].dense", beneath("blocks.3.dense")),
        ("blocks[:2].*.bias", {"blocks.0.dense.bias", "blocks.1.dense.bias"}),
        ("blocks[0][1]", beneath("blocks.0.norm")),
    ],
)
def test_names(pattern: str, expected: set[str]) -> None:
    assert taken(STACK, pattern) == expected


def test_a_list_takes_what_any_of_it_takes_and_no_list_takes_all() -> None:
    assert taken(STACK, "stem", "blocks[0]") == beneath("stem", "blocks.0")
    assert taken() == ALL


@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        ((), beneath("blocks")),
        (("blocks[0]",), beneath("blocks.1", "blocks.2", "blocks.3")),
        (("blocks[1:]", "*.norm"), beneath("blocks.0.dense")),
        (("blocks",), NONE),
    ],
)
def test_exceptions(excluded: tuple[str, ...], left: set[str]) -> None:
    assert taken(STACK, "blocks", excluded=excluded) == left


LAYERS = ["stem", *(f"{b}.{part}" for b in BLOCKS for part in ("dense", "norm")), "head"]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({"first": 1}, beneath("stem")),
        ({"first": 3}, beneath("stem", "blocks.0")),
        ({"last": 1}, beneath("head")),
        ({"last": 2}, beneath("blocks.3.norm", "head")),
        ({"last": 10}, ALL),
        ({"first": 6, "last": 6}, beneath(*LAYERS[4:6])),
        ({"first": 2, "last": 2}, NONE),
        ({"first": 1, "of": "blocks"}, beneath("blocks.0")),
        ({"last": 3, "of": "blocks"}, beneath("blocks.1", "blocks.2", "blocks.3")),
        ({"first": 4, "of": "blocks"}, beneath("blocks")),
        ({"last": 2, "of": "."}, beneath("blocks", "head")),
        ({"last": 1, "of": "blocks.0"}, beneath("blocks.0.norm")),
    ],
)
def test_positions(selectors: dict[str, Any], expected: set[str]) -> None:
    assert taken(**selectors) == expected


@pytest.mark.parametrize(
    ("percent", "trains"),
    [
        (1, {"head"}),
        (10, {"head"}),
        (10.5, {"head", "blocks.3.norm"}),
        (25, {"head", "blocks.3.norm", "blocks.3.dense"}),
        (99.9, set(LAYERS)),
    ],
)
def test_shares_of_the_values(percent: float, trains: set[str]) -> None:
    # stem 20, each block 28, head 15: 147 values in all
    assert ALL - taken(before_last=percent) == beneath(*trains)


@pytest.mark.parametrize(("percent", "trains"), [(24, 1), (25, 1), (26, 2), (50, 2), (75, 3)])
def test_a_share_that_layers_hold_exactly_takes_no_further_layer(
    percent: float, trains: int
) -> None:
    tree = module_tree.describe(nn.SequentialCell([nn.Dense(3, 4) for _ in range(4)]))
    assert len(taken(tree, before_last=percent)) == 2 * (4 - trains)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("Conv2d",), NONE),
        (("BatchNorm1d",), beneath(*(f"{block}.norm" for block in BLOCKS))),
        (("Dense",), beneath("stem", "head", *(f"{block}.dense" for block in BLOCKS))),
        (("Mixer",), beneath("blocks")),
        (("Dense", "Mixer"), ALL),
    ],
)
def test_kinds(kinds: tuple[str, ...], expected: set[str]) -> None:
    assert taken(kinds=kinds) == expected


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("bias",), BIASES),
        (("norm_scale",), GAMMAS),
        (("norm_shift",), BETAS),
        (("weight",), {f"{layer}.weight" for layer in LAYERS if not layer.endswith("norm")}),
        (
            ("weight", "bias", "norm_scale", "norm_shift"),
            {p.name for p in STACK.parameters if not p.statistic},
        ),
    ],
)
def test_roles(roles: tuple[str, ...], expected: set[str]) -> None:
    assert taken(roles=roles) == expected


def test_a_net_without_a_role_gives_none() -> None:
    assert taken(TIED, roles=("norm_scale",)) == NONE


def test_all_selectors_of_a_rule_must_hold() -> None:
    names = taken(STACK, "blocks[:2]", excluded=("blocks.0",), kinds=("Dense",), roles=("bias",))
    assert names == {"blocks.1.dense.bias"}
    assert taken(STACK, "stem", last=1) == NONE


def test_a_tied_parameter_is_taken_by_any_of_its_names() -> None:
    assert taken(TIED, "decoder") == {"encoder.weight", "decoder.bias"}
    assert taken(TIED, "encoder") == {"encoder.weight", "encoder.bias"}
    assert taken(TIED, "decoder", excluded=("encoder.weight",)) == {"decoder.bias"}
    assert taken(TWICE, "second") == {"first.weight", "first.bias"}


def test_a_head_that_shares_its_weight_is_the_last_layer_all_the_same() -> None:
    tree = module_tree.describe(Generator())
    assert selection.layers(tree) == ["embedding", "body", "head"]
    assert taken(tree, last=1) == {"embedding.weight"}
    assert taken(tree, last=2) == {"embedding.weight", "body.weight", "body.bias"}


@pytest.mark.parametrize(
    ("selectors", "cells"),
    [
        ({"first": 3}, {"stem", "blocks.0", "blocks.0.dense", "blocks.0.norm"}),
        ({"roles": ("bias",)}, set()),
        ({"kinds": ("Dropout",)}, {f"{block}.drop" for block in BLOCKS}),
        ({}, {c.name for c in STACK.cells if c.kind != "Dropout"}),
    ],
)
def test_cells_are_taken_whole_or_not_at_all(selectors: dict[str, Any], cells: set[str]) -> None:
    rule = Rule((), "requires_grad", False, **selectors)
    assert selection.select(rule, STACK).cells == cells


def test_layers_are_cells_whatever_dots_a_parameters_own_name_has() -> None:
    tree = module_tree.describe(Dotted())
    assert selection.layers(tree) == ["stem", "scaled", "head"]
    assert taken(tree, last=2) == {*beneath("head"), "scaled.scales.0", "scaled.scales.1"}
    assert taken(tree, kinds=("Scaled",)) == {"scaled.scales.0", "scaled.scales.1"}

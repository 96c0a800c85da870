"""Which layers correspond, and which are left open."""

import re
from typing import Any

import pytest

from trainer.checkpoint.pretrained.proposal import matching, name_tree
from trainer.checkpoint.pretrained.proposal.matching import Match

Shapes = dict[str, tuple[int, ...]]


def dense(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, size: int, mindspore: bool = False) -> Shapes:
    leaves = ["weight", "bias", "running_mean", "running_var"]
    if mindspore:
        leaves = ["gamma", "beta", "moving_mean", "moving_variance"]
    return {f"{name}.{leaf}": (size,) for leaf in leaves}


def matched(theirs: Shapes, own: Shapes) -> Match:
    return matching.match(name_tree.build(theirs), name_tree.build(own))


def layers(match: Match) -> dict[str, str]:
    cut = re.compile(r"\.?[^.]+$")
    return {cut.sub("", old): cut.sub("", new) for old, new in match.names.items()}


def test_layers_of_different_shapes_correspond_whatever_their_names() -> None:
    theirs = dense("a", 2, 3) | norm("b", 3) | dense("c.d", 3, 4)
    own = dense("x.fc", 3, 4) | dense("x.first", 2, 3) | norm("bn", 3, mindspore=True)
    assert layers(matched(theirs, own)) == {"a": "x.first", "b": "bn", "c.d": "x.fc"}
    assert matched(theirs, own).left == ([], [])


def test_layers_of_one_shape_are_never_settled_by_their_order() -> None:
    theirs = dense("a", 5, 5) | dense("b", 5, 5) | dense("head", 5, 2)
    match = matched(theirs, dense("x", 5, 5) | dense("y", 5, 5) | dense("z", 5, 2))
    assert layers(match) == {"head": "z"}
    assert match.unsettled == [(["a", "b"], ["x", "y"])]


@pytest.mark.parametrize("between", [dense("mid", 5, 7), norm("mid", 9)])
def test_not_by_what_stands_between_them_either(between: Shapes) -> None:
    theirs = dense("a", 5, 5) | between | dense("b", 5, 5)
    match = matched(theirs, dense("x", 5, 5) | between | dense("y", 5, 5))
    assert layers(match) == {"mid": "mid"}


def test_equal_names_settle_layers_of_one_shape() -> None:
    theirs = dense("net.conv1", 5, 5) | dense("net.conv2", 5, 5) | dense("net.fc", 5, 2)
    own = dense("conv1", 5, 5) | dense("conv2", 5, 5) | dense("classifier", 5, 2)
    assert layers(matched(theirs, own)) == {
        "net.conv1": "conv1",
        "net.conv2": "conv2",
        "net.fc": "classifier",
    }


def test_equal_numbers_settle_them_too_but_shifted_numbers_do_not() -> None:
    theirs = dense("blocks.layer_0", 5, 5) | dense("blocks.layer_1", 5, 5)
    own = dense("stages.0", 5, 5) | dense("stages.1", 5, 5)
    expected = {"blocks.layer_0": "stages.0", "blocks.layer_1": "stages.1"}
    assert layers(matched(theirs, own)) == expected
    shifted = dense("stages.1", 5, 5) | dense("stages.2", 5, 5)
    assert not matched(theirs, shifted).names


def test_names_that_agree_by_chance_in_a_shifted_list_settle_nothing() -> None:
    theirs: Shapes = {}
    own: Shapes = {}
    for number in range(4):
        theirs |= dense(f"features.{number}", 5, 5)
        own |= dense(f"features.{number + 2}", 5, 5)
    assert not matched(theirs, own).names


def test_within_modules_that_correspond_a_shape_may_be_the_only_one() -> None:
    def block(name: str, conv: str, skip: str, width: int) -> Shapes:
        return dense(f"{name}.{conv}", 5, 7) | dense(f"{name}.{skip}", 5, width)

    theirs = block("layer1", "conv", "downsample", 8) | block("layer2", "conv", "downsample", 9)
    own = block("stage1", "c", "down_sample", 8) | block("stage2", "c", "down_sample", 9)
    assert layers(matched(theirs, own)) == {
        "layer1.conv": "stage1.c",
        "layer2.conv": "stage2.c",
        "layer1.downsample": "stage1.down_sample",
        "layer2.downsample": "stage2.down_sample",
    }


def test_a_layer_that_may_be_elsewhere_is_not_settled() -> None:
    theirs = dense("conv", 5, 5) | dense("block.conv", 5, 5) | dense("block.out", 5, 6)
    own = dense("a", 5, 5) | dense("b.c", 5, 5) | dense("b.x", 5, 7)
    match = matched(theirs, own)
    assert not match.names
    assert match.unsettled == [(["conv", "block.conv"], ["a", "b.c"])]


def test_a_tensor_without_a_layer_corresponds_by_its_shape() -> None:
    theirs: Shapes = {"class_token": (1, 1, 4), "encoder.pos_embedding": (1, 9, 4)}
    own: Shapes = {"cls_token": (1, 1, 4), "pos_embed": (1, 9, 4)}
    expected = {"class_token": "cls_token", "encoder.pos_embedding": "pos_embed"}
    assert matched(theirs, own).names == expected


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        ({}, dense("a", 2, 3)),
        (dense("a", 2, 3), {}),
        (dense("a", 2, 3), dense("a", 3, 2)),
    ],
)
def test_nothing_corresponds(theirs: Any, own: Any) -> None:
    assert not matched(theirs, own).names

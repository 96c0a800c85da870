"""Stored features: the same training to the bit, for nets of every shape."""

from pathlib import Path

import pytest
from mindspore import nn

from tests.nets import Normed, TwoConvs
from tests.stored import Paired, Stages, TwoEyes, batches, examined, store_of, stored, whole
from tests.training import IMAGES, plan_of, rule
from trainer.features import Features
from trainer.plan import Plan
from trainer.tensors import same_bits

STEM = ("stem", "stages.0")
INNER = ("conv1", "bn1", "conv2")
NETS = {
    "plain": (TwoConvs, rule("conv2"), ("flatten",), ("conv1", "conv2")),
    "first layer": (TwoConvs, rule("conv1"), ("conv1",), ()),
    "flags only": (TwoConvs, rule("conv1", "conv2", method="requires_grad"), ("flatten",), None),
    "norm and dropout": (Normed, rule("bn1"), ("bn1",), ("conv1",)),
    "residual, between stages": (Stages, rule("stages.0"), ("stages.0",), ("stem",)),
    "residual, in a stage": (
        Stages,
        rule(*STEM, *(f"stages.1.{name}" for name in INNER), method="requires_grad"),
        ("stages.0", "stages.1.conv2"),
        None,
    ),
    "both branches": (TwoEyes, rule("left", "right"), ("left", "right"), ()),
    "one branch": (TwoEyes, rule("left"), ("left",), ()),
    "several outputs": (Paired, rule("pair"), ("pair",), ()),
}


def planned(name: str) -> tuple[nn.Cell, Plan]:
    kind, given, _, _ = NETS[name]
    net = kind()
    return net, plan_of(net, given, batch=IMAGES)


@pytest.mark.parametrize("name", NETS)
def test_the_weights_are_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    net, plan = planned(name)
    found = examined(net, plan)
    _, _, kept, hollow = NETS[name]
    assert found.boundary.stored == kept
    assert hollow is None or found.boundary.hollow == hollow
    made = Features(net, found, store_of(found, tmp_path))
    without, with_store = whole(net, plan), stored(net, plan, made)
    assert with_store.losses == without.losses
    for weight in without.weights:
        assert same_bits(without.weights[weight], with_store.weights[weight]), weight
    samples = sum(len(label) for _, label in batches())
    assert (made.counts.computed, made.counts.read) == (samples, 2 * samples)

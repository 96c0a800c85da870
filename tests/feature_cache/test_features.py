"""Stored features: the same training to the bit, for nets of every shape."""

from dataclasses import replace
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import Normed, TwoConvs
from tests.support.stored import (
    Paired,
    Rounding,
    Stages,
    TwoEyes,
    batches,
    examined,
    store_of,
    stored,
    trial,
    whole,
)
from tests.support.training import IMAGES, LOSS, changed, momentum, plan_of, rule
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import ConfigError
from trainer.core.tensors import same_bits
from trainer.engine import train_step
from trainer.engine.train_step import TrainStep
from trainer.feature_cache import cacheable, feature_columns
from trainer.feature_cache.features import Features
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan

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


QUICK = {"plain", "residual, in a stage"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETS]
)
def test_the_weights_are_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    net, plan = planned(name)
    found = examined(net, plan)
    _, _, kept, hollow = NETS[name]
    assert found.boundary.stored == kept
    assert hollow is None or found.boundary.skipped == hollow
    made = Features(net, found, store_of(found, tmp_path))
    data = batches(smaller=name == "plain")
    without, with_store = whole(net, plan, data), stored(net, plan, made, data)
    assert with_store.losses == without.losses
    for weight in without.weights:
        assert same_bits(without.weights[weight], with_store.weights[weight]), weight
    samples = sum(len(label) for _, label in data)
    assert (made.counts.computed, made.counts.read) == (samples, 2 * samples)


@pytest.mark.slow
def test_a_smaller_batch_is_halted_by_a_loss_in_a_larger_one(tmp_path: Path) -> None:
    net, plan = planned("plain")
    found = examined(net, plan)
    made = Features(net, found, store_of(found, tmp_path))
    applied = FrozenModel(net, plan)
    halted = train_step.stop_flag(5)
    optimizer = momentum(applied)
    take = made.make_step(lambda tail: TrainStep(tail, LOSS, optimizer, diverged=halted))
    applied.set_train()
    before = to_numpy(net)
    one, other = ([Tensor(c) for c in b] for b in list(made.batches(batches(smaller=True)))[-2:])
    assert one[-1].shape != other[-1].shape
    one[0] = Tensor(np.full(one[0].shape, np.nan, np.float32))
    assert np.isnan(take(*one).asnumpy()) and np.isfinite(take(*other).asnumpy())
    assert not changed(before, to_numpy(net))
    applied.undo()


def test_values_too_large_for_half_precision_are_a_mistake(tmp_path: Path) -> None:
    net, plan = planned("plain")
    net.conv1.weight.set_data(net.conv1.weight * 1e6)
    found = examined(net, plan)
    made = Features(net, found, store_of(found, tmp_path, "float16"))
    with pytest.raises(
        ConfigError, match=r"features\.dtype: expected values below 65504, received"
    ):
        next(made.batches(batches()))


def test_double_precision_is_kept() -> None:
    net, plan = planned("plain")
    found = examined(net, plan)
    first = found.calls["flatten"].outputs[0]
    assert first is not None
    found.calls["flatten"].outputs[0] = [(shape, ms.float64) for shape, _ in first]
    kinds = [
        feature_columns.column_specs(found, dtype)[0].dtype for dtype in ("float32", "float16")
    ]
    assert kinds == ["float64", "float16"]


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False])
def test_features_that_depend_on_the_position_are_read_only_if_that_is_allowed(
    exact: bool, tmp_path: Path
) -> None:
    net = Rounding()
    probe = trial(net, plan_of(net, rule("fc"), batch=IMAGES))
    found = cacheable.find_cacheable(replace(probe, full_batch=None))  # to the bit or not

    def features_in(folder: str) -> Features:
        return Features(net, found, store_of(found, tmp_path / folder), exact)

    batch = batches()[0]
    reverse = [column[::-1].copy() for column in batch]
    features = features_in("one")
    ((first, _),) = features.batches([batch])
    ((second, _),) = features.batches([reverse])
    ((computed, _),) = features_in("other").batches([reverse])
    assert not same_bits(computed, first[::-1])
    assert same_bits(second, computed if exact else first[::-1])

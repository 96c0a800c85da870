from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import Normed, TwoConvs
from tests.support.training import IMAGES, LOSS, changed
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained.loading import load_weights
from trainer.checkpoint.pretrained.source import SAFETENSORS, WeightsSource
from trainer.core.tensors import Weights
from trainer.engine import train_step
from trainer.engine.train_step import TrainStep


def with_pixel(value: float) -> Batch:
    image = IMAGES[0].asnumpy().copy()
    image[0, 0, 0, 0] = value
    return Tensor(image), IMAGES[1]


def assert_close(one: Weights, other: Weights, rtol: float, atol: float = 0.0) -> None:
    for name, array in one.items():
        ours, theirs = (values.astype(np.float64) for values in (array, other[name]))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=name)


def sgd(net: nn.Cell) -> nn.Optimizer:
    return nn.SGD(net.trainable_params(), 0.1)


def test_gives_the_loss_before_the_update_and_descends() -> None:
    net = TwoConvs().set_train()
    expected = float(LOSS(net(IMAGES[0]), IMAGES[1]))
    taken = TrainStep(net, LOSS, sgd(net))
    losses = [float(taken(*IMAGES)) for _ in range(4)]
    assert losses[0] == pytest.approx(expected, rel=1e-6)
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
def test_an_update_is_that_of_plain_mindspore() -> None:
    ours, theirs = TwoConvs().set_train(), TwoConvs().set_train()
    load_weights(theirs, WeightsSource(SAFETENSORS, to_numpy(ours)))
    TrainStep(ours, LOSS, sgd(ours))(*IMAGES)
    nn.TrainOneStepCell(nn.WithLossCell(theirs, LOSS), sgd(theirs))(*IMAGES)
    assert_close(to_numpy(theirs), to_numpy(ours), rtol=1e-6)


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("net_type", [TwoConvs, Normed])
def test_no_tensor_is_touched_where_the_loss_is_not_finite(
    net_type: type[nn.Cell], value: float
) -> None:
    net = net_type().set_train()
    made = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    taken = TrainStep(net, LOSS, made)
    taken(*IMAGES)
    before, moments = to_numpy(net), [p.asnumpy().copy() for p in made.moments]
    assert not np.isfinite(float(taken(*with_pixel(value))))
    assert not changed(before, to_numpy(net))
    assert all((p.asnumpy() == old).all() for p, old in zip(made.moments, moments, strict=True))
    taken(*IMAGES)
    assert changed(before, to_numpy(net))


def test_where_some_statistics_are_held_the_others_are_put_back() -> None:
    net = Normed().set_train()
    net.bn1.use_batch_statistics = False
    taken = TrainStep(net, LOSS, sgd(net))
    taken(*IMAGES)
    before = to_numpy(net)
    taken(*with_pixel(np.inf))
    assert not changed(before, to_numpy(net))
    copied = {p.name for p in taken.statistics.statistics}
    assert copied == {"bn2.moving_mean", "bn2.moving_variance"}


@pytest.mark.slow
def test_all_cells_are_told_of_a_graph_once_it_is_another() -> None:
    net = TwoConvs().set_train()
    taken = TrainStep(net, LOSS, sgd(net))
    taken(*IMAGES)
    first = taken.compile_phase
    assert first == net.conv1.compile_phase
    net(*IMAGES[:-1])
    assert net.conv1.compile_phase != first
    taken(*(Tensor(column.asnumpy()[:2]) for column in IMAGES))
    assert taken.compile_phase == net.conv1.compile_phase != first


def test_parameters_keep_their_names() -> None:
    net = TwoConvs()
    TrainStep(net, LOSS, sgd(net))
    assert [p.name for p in net.get_parameters()] == [n for n, _ in net.parameters_and_names()]


@pytest.mark.parametrize(
    ("loss_scale", "kind"),
    [(1, type(None)), (512.0, ms.amp.StaticLossScaler), ("dynamic", ms.amp.DynamicLossScaler)],
)
def test_scaler(loss_scale: float | str, kind: type[Any]) -> None:
    assert type(train_step.loss_scaler(loss_scale)) is kind


def test_a_dynamic_scale_doubles_after_a_thousand_steps_without_an_overflow() -> None:
    scaler = train_step.loss_scaler("dynamic")
    assert isinstance(scaler, ms.amp.DynamicLossScaler)
    assert scaler.scale_value.asnumpy() == 2**16
    finite = Tensor(True)
    for steps in (99, 199, 499, 998):  # since the last change
        scaler.counter.set_data(Tensor(steps, ms.int32))
        scaler.adjust(finite)
        assert scaler.scale_value.asnumpy() == 2**16
    scaler.adjust(finite)
    assert scaler.scale_value.asnumpy() == 2**17


@pytest.mark.slow
def test_a_scaled_loss_is_told_unscaled_and_updates_alike() -> None:
    plain, scaled = TwoConvs().set_train(), TwoConvs().set_train()
    load_weights(scaled, WeightsSource(SAFETENSORS, to_numpy(plain)))
    first = TrainStep(plain, LOSS, sgd(plain))(*IMAGES)
    second = TrainStep(scaled, LOSS, sgd(scaled), train_step.loss_scaler(1024.0))(*IMAGES)
    assert float(first) == float(second)
    assert_close(to_numpy(scaled), to_numpy(plain), rtol=1e-5, atol=1e-7)


class Loud(nn.Cell):
    """A loss whose gradients overflow before it does, once it is scaled."""

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return 1000 * LOSS(output, label)


def test_an_overflow_of_the_gradients_skips_the_update_and_halves_the_scale() -> None:
    net = TwoConvs().set_train()
    scaler = ms.amp.DynamicLossScaler(2.0**126, 2, 1000)
    before = to_numpy(net)
    assert np.isfinite(float(TrainStep(net, Loud(), sgd(net), scaler)(*IMAGES)))
    assert not changed(before, to_numpy(net))
    assert scaler.scale_value.asnumpy() == 2.0**125


def test_half_precision_leaves_weights_and_normalisation_in_float32() -> None:
    net = Normed()
    train_step.set_precision(net, "float16")
    assert {p.dtype for p in net.get_parameters()} == {ms.float32}
    assert net.conv1.fp16
    assert not net.bn1.fp16
    taken = TrainStep(net.set_train(), LOSS, sgd(net))
    assert taken(*IMAGES).dtype == ms.float32


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_every_normalisation_stays_in_float32(precision: str) -> None:
    norms = nn.BatchNorm2d(4), nn.LayerNorm((4, 2, 2)), nn.GroupNorm(2, 4)
    net = nn.SequentialCell(nn.Conv2d(1, 4, 3), *norms, nn.Flatten(), nn.Dense(16, 3))
    train_step.set_precision(net, precision)
    flag = {"float16": "fp16", "bfloat16": "bf16"}[precision]
    halved = [type(cell).__name__ for cell in net if getattr(cell, flag)]
    assert halved == ["Conv2d", "Flatten", "Dense"]

"""Gradient clipping is PyTorch's, and what it does to an update."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, amp, nn

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.host_copy import to_numpy
from trainer.engine.gradient_clip import Clip, GlobalNorm, clip_factor, clip_value
from trainer.engine.optimizer_step import read_report
from trainer.engine.progress import StepReport
from trainer.engine.train_step import TrainStep
from trainer.engine.update import StepOptions

# Summed together; and each by itself, in rows of 448, 410 and 1.
SHAPES = (), (3,), (16, 32), (64, 3, 7, 7), (100, 41), (2503,)


def gradients(scale: float) -> list[Any]:
    random = np.random.default_rng(0)
    return [np.asarray(random.normal(0, scale, shape), np.float32) for shape in SHAPES]


class Clipped(nn.Cell):
    def __init__(self, clip: Clip, arrays: list[Any]) -> None:
        super().__init__()
        self.clip = clip
        self.norm = GlobalNorm([Parameter(Tensor(a), name=f"p{n}") for n, a in enumerate(arrays)])

    def construct(self, *tensors: Tensor) -> Any:
        norm = self.norm(tensors)
        if self.clip.by == "value":
            return norm, [clip_value(tensor, self.clip.limit) for tensor in tensors]
        factor = clip_factor(norm, self.clip.limit)
        return norm, [tensor * factor for tensor in tensors]


def in_torch(torch: Any, clip: Clip, arrays: list[Any]) -> tuple[float, list[Any]]:
    parameters = [torch.nn.Parameter(torch.zeros(a.shape)) for a in arrays]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = torch.from_numpy(array.copy())
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    if clip.by == "norm":
        torch.nn.utils.clip_grad_norm_(parameters, clip.limit)
    else:
        torch.nn.utils.clip_grad_value_(parameters, clip.limit)
    return float(norm), [p.grad.numpy() for p in parameters]


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("clip", [Clip("norm", 1.0), Clip("norm", 1e9), Clip("value", 0.5)])
def test_clipped_gradients_and_their_norm_are_those_of_torch(
    torch: Any, clip: Clip, scale: float
) -> None:
    arrays = gradients(scale)
    norm, clipped = Clipped(clip, arrays)(*map(Tensor, arrays))
    expected_norm, expected = in_torch(torch, clip, arrays)
    assert float(norm.asnumpy()) == pytest.approx(expected_norm, rel=1e-6)
    for ours, theirs in zip(clipped, expected, strict=True):
        np.testing.assert_allclose(ours.asnumpy(), theirs, rtol=1e-6)


def moved(clip: Clip | None, scale: float | None = None) -> tuple[Any, float]:
    changes, report = changes_and_report(LOSS, clip, scale)
    assert report.norm is not None
    return changes, report.norm


def changes_and_report(
    loss: nn.Cell, clip: Clip | None, scale: float | None
) -> tuple[Any, StepReport]:
    ms.set_seed(0)
    net = TwoConvs().set_train()
    before = to_numpy(net)
    options = StepOptions(clip=clip, reports=True)
    scaler = amp.StaticLossScaler(scale) if scale else None
    step = TrainStep(net, loss, nn.SGD(net.trainable_params(), 1.0), scaler, options=options)
    report = read_report(step(*IMAGES))
    changes = zip(before, before.values(), to_numpy(net).values(), strict=True)
    return {name: np.subtract(new, old) for name, old, new in changes}, report


def length(change: Any) -> float:
    return float(
        np.sqrt(sum(np.square(array.astype(np.float64)).sum() for array in change.values()))
    )


def test_an_update_is_as_long_as_the_clipped_gradient_and_the_norm_is_that_before() -> None:
    plain, _ = moved(None)
    clipped, norm = moved(Clip("norm", 0.25))
    assert norm == pytest.approx(length(plain), rel=1e-4)
    assert length(clipped) == pytest.approx(0.25, rel=1e-4)
    for name, array in clipped.items():
        np.testing.assert_allclose(array, plain[name] * 0.25 / norm, rtol=1e-3, atol=1e-6)


def test_no_value_of_an_update_is_larger_than_the_limit() -> None:
    plain, _ = moved(None)
    clipped, _ = moved(Clip("value", 0.01))
    assert max(np.abs(array).max() for array in plain.values()) > 0.01
    for name, array in clipped.items():
        np.testing.assert_allclose(array, np.clip(plain[name], -0.01, 0.01), atol=1e-6)


def test_a_clip_that_is_never_reached_changes_no_bit() -> None:
    plain, _ = moved(None)
    clipped, _ = moved(Clip("norm", 1e6))
    assert all((array == plain[name]).all() for name, array in clipped.items())


@pytest.mark.slow
def test_scaled_gradients_whose_squares_overflow_are_clipped_like_others() -> None:
    clip = Clip("norm", 0.25)
    plain, norm = moved(clip)
    scaled, norm_of_scaled = moved(clip, 2.0**64)
    assert norm_of_scaled == pytest.approx(norm)
    for name, array in scaled.items():
        np.testing.assert_allclose(array, plain[name], rtol=1e-5, atol=1e-8)


class Steep(nn.Cell):
    """A loss whose gradients are finite, and the sum of their squares is not."""

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return LOSS(output, label) * 1e25


def test_an_update_of_scaled_gradients_without_a_finite_norm_is_skipped() -> None:
    changes, report = changes_and_report(Steep(), Clip("norm", 0.25), 2.0)
    assert not report.updated
    assert not any(array.any() for array in changes.values())

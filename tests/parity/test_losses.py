"""Losses of the trainer against PyTorch's and torchvision's: values and gradients, in a graph."""

from collections.abc import Callable
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss
from trainer.losses.huber import HuberLoss
from trainer.losses.mae import MAELoss
from trainer.losses.mse import MSELoss

torch = pytest.importorskip("torch")

from tests.support.torchvision_import import define_operators  # noqa: E402

pytestmark = pytest.mark.parity

Array = NDArray[Any]
WEIGHTS = [0.5, 2.0, 1.0, 0.1]
SHAPES = [(6, 4), (3, 4, 5), (2, 4, 3, 5)]  # samples, words and pixels of 4 classes


class Graph(nn.Cell):
    """A loss and its gradient by the output, compiled."""

    def __init__(self, loss: nn.Cell) -> None:
        super().__init__()
        self.gradient = ms.value_and_grad(loss, 0)

    def construct(self, output: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        return self.gradient(output, label)


def assert_same(
    loss: nn.Cell, output: Array, label: Array, expected: Callable[[Any], Any], moved: int = 1
) -> None:
    """Compare value and gradient; ``expected`` is PyTorch's loss of an output."""
    theirs = torch.tensor(output, requires_grad=True)
    value = expected(theirs)
    value.backward()
    given = np.moveaxis(output, 1, moved)
    ours, gradient = Graph(loss)(Tensor(given.copy()), Tensor(label))
    assert float(ours.asnumpy()) == pytest.approx(float(value.detach()), rel=2e-6, abs=1e-7)
    difference = np.moveaxis(gradient.asnumpy(), moved, 1) - theirs.grad.numpy()
    assert np.abs(difference).max() < 5e-8 + 1e-6 * np.abs(theirs.grad.numpy()).max()


def random(shape: tuple[int, ...], ignored: int | None) -> tuple[Array, Array]:
    numbers = np.random.default_rng(len(shape))
    label = numbers.integers(0, 4, (shape[0], *shape[2:])).astype(np.int32)
    if ignored is not None:
        label.reshape(-1)[::3] = ignored
    return numbers.normal(size=shape).astype(np.float32) * 2, label


@pytest.mark.parametrize("shape", SHAPES, ids=["samples", "words", "pixels"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weights"])
def test_cross_entropy(shape: tuple[int, ...], weights: list[float] | None) -> None:
    for smoothing, ignored, axis in ((0, None, 1), (0.1, 255, -1), (0, -1, 1), (0.1, 1, 1)):
        output, label = random(shape, ignored)
        target = torch.tensor(label, dtype=torch.long)
        theirs = torch.nn.CrossEntropyLoss(
            None if weights is None else torch.tensor(weights),
            ignore_index=-100 if ignored is None else ignored,
            label_smoothing=smoothing,
        )
        loss = CrossEntropyLoss(smoothing, weights, ignored, axis)
        assert_same(loss, output, label, lambda x: theirs(x, target), axis)  # noqa: B023


def test_cross_entropy_of_probabilities() -> None:
    output, _ = random((6, 4), None)
    label = np.random.default_rng(1).dirichlet([1] * 4, 6).astype(np.float32)
    for smoothing, weights in ((0.0, None), (0.1, WEIGHTS)):
        theirs = torch.nn.CrossEntropyLoss(
            None if weights is None else torch.tensor(weights), label_smoothing=smoothing
        )
        loss = CrossEntropyLoss(smoothing, weights)
        assert_same(loss, output, label, lambda x: theirs(x, torch.tensor(label)))  # noqa: B023
        assert float(loss.total_weight(Tensor(output), Tensor(label)).asnumpy()) == 6


@pytest.mark.parametrize("pos_weight", [None, 3, [3, 1.0, 10, 0]])
def test_bce(pos_weight: Any) -> None:
    output, _ = random((6, 4), None)
    label = np.random.default_rng(1).integers(0, 2, (6, 4))
    weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32)
    theirs = torch.nn.BCEWithLogitsLoss(pos_weight=weight)
    for dtype in (np.int32, np.float32):
        target = torch.tensor(label, dtype=torch.float32)
        ours = BCEWithLogitsLoss(pos_weight)
        assert_same(ours, output, label.astype(dtype), lambda x: theirs(x, target))  # noqa: B023


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MSELoss(), torch.nn.MSELoss()),
        (MAELoss(), torch.nn.L1Loss()),
        (HuberLoss(), torch.nn.HuberLoss()),
        (HuberLoss(delta=2), torch.nn.HuberLoss(delta=2)),
        (HuberLoss(delta=0.25), torch.nn.HuberLoss(delta=0.25)),
    ],
    ids=["mse", "mae", "huber", "huber 2", "huber 0.25"],
)
def test_losses_of_a_regression(ours: nn.Cell, theirs: Any) -> None:
    output, _ = random((5, 4, 3), None)
    label = random((5, 4, 3), None)[0][::-1].copy()
    label[0, 0] = output[0, 0]  # no difference
    label[0, 1] = output[0, 1] + np.float32(2)  # Huber's edge
    assert_same(ours, output, label, lambda x: theirs(x, torch.tensor(label)))


@pytest.fixture(scope="module")
def sigmoid_focal_loss() -> Any:
    define_operators()
    return pytest.importorskip("torchvision.ops").sigmoid_focal_loss


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2), (None, 1.5), (1, 0)])
def test_focal(sigmoid_focal_loss: Any, alpha: float | None, gamma: float) -> None:
    def theirs(label: Array, kept: Array | None = None) -> Callable[[Any], Any]:
        """torchvision's of labels for each output, which may leave out some places."""

        def loss(output: Any) -> Any:
            if kept is not None:
                output = output.movedim(1, -1)[torch.tensor(kept)]
            options = {"alpha": -1 if alpha is None else alpha, "gamma": gamma}
            target = torch.tensor(label, dtype=torch.float32)
            return sigmoid_focal_loss(output, target, **options, reduction="mean")

        return loss

    output, number = random((3, 4, 5), 255)
    several = np.random.default_rng(1).integers(0, 2, output.shape).astype(np.float32)
    assert_same(FocalLoss(alpha, gamma), output, several, theirs(several))
    hot = np.eye(4)[number % 5 % 4]
    loss = FocalLoss(alpha, gamma, ignore_index=255)
    assert_same(loss, output, number, theirs(hot[number != 255], number != 255))
    plain = number % 5 % 4
    every = theirs(np.eye(4)[plain].reshape(-1, 4), np.full(plain.shape, True))
    loss = FocalLoss(alpha, gamma, class_axis=-1)
    assert_same(loss, output, plain.astype(np.int32), every, -1)

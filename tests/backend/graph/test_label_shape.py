import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from trainer.backend.graph.dry_run import eager_mode
from trainer.backend.graph.label_shape import check_label_shape
from trainer.core.errors import ConfigError


class Squeezing(nn.Cell):
    """A loss that takes labels without the last axis of the outputs."""

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return ops.mse_loss(output.squeeze(1), label)


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss()])
@pytest.mark.parametrize(
    ("output", "label"), [((8, 1), (8,)), ((8,), (8, 1)), ((2, 1, 3, 3), (2, 3, 3))]
)
def test_labels_that_are_broadcast_over_all_samples_are_refused(
    loss: nn.Cell, output: tuple[int, ...], label: tuple[int, ...]
) -> None:
    with eager_mode(), pytest.raises(ConfigError, match="labels of all samples"):
        check_label_shape(loss, zeros(*output), zeros(*label))


@pytest.mark.parametrize(
    ("loss", "output", "label"),
    [
        (nn.MSELoss(), (8, 1), (8, 1)),
        (nn.MSELoss(), (8, 3), (8, 1)),
        (nn.MSELoss(), (1, 1), (1,)),
        (Squeezing(), (8, 1), (8,)),
    ],
)
def test_other_labels_are_accepted(
    loss: nn.Cell, output: tuple[int, ...], label: tuple[int, ...]
) -> None:
    with eager_mode():
        check_label_shape(loss, zeros(*output), zeros(*label))


def test_the_message_has_both_shapes() -> None:
    with eager_mode(), pytest.raises(ConfigError, match=r"shape \(N, 1\).*received \(N,\)"):
        check_label_shape(nn.MSELoss(), zeros(2, 1), zeros(2))


def test_class_numbers_are_accepted() -> None:
    classes = Tensor(np.zeros(8, np.int32))
    check_label_shape(nn.CrossEntropyLoss(), zeros(8, 1), classes)

"""A dry run finds what does not fit, whatever the sizes are."""

import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.backend.graph.dry_run import dry_run
from trainer.core.errors import ConfigError
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_that_fit_two_samples_by_chance_are_refused(classes: int) -> None:
    """Two outputs and two samples would be broadcast, four samples are not."""
    model = nn.Dense(4, classes)
    batch = [Tensor(np.ones((4, 4), np.float32)), Tensor(np.zeros(4, np.float32))]
    with pytest.raises(ConfigError, match="do not fit, for a batch of Float32"):
        dry_run(model, nn.CrossEntropyLoss(), batch)


def test_a_batch_of_two_samples_is_enough() -> None:
    batch = [Tensor(np.ones((2, 4), np.float32)), Tensor(np.zeros((2, 3), np.float32))]
    assert dry_run(nn.Dense(4, 3), nn.MSELoss(), batch).classes is None


@pytest.mark.parametrize("loss", [CrossEntropyLoss, FocalLoss])
@pytest.mark.parametrize("axis", [7, 2, -3])
def test_an_axis_of_classes_that_the_outputs_lack_is_named(loss: type[nn.Cell], axis: int) -> None:
    batch = [Tensor(np.ones((2, 4), np.float32)), Tensor(np.zeros(2, np.int32))]
    expected = f"loss.class_axis: expected -2 to 1 for outputs of 2 axes, received {axis}"
    with pytest.raises(ConfigError, match=expected):
        dry_run(nn.Dense(4, 3), loss(class_axis=axis), batch)
    assert dry_run(nn.Dense(4, 3), loss(class_axis=-1), batch).classes == 3


class OneOutput(nn.Dense):
    """A model whose outputs have the axis of the samples alone."""

    def construct(self, x: Tensor) -> Tensor:
        return super().construct(x).reshape(-1)


def test_one_output_with_its_own_label_needs_no_axis_of_classes() -> None:
    batch = [Tensor(np.ones((2, 4), np.float32)), Tensor(np.zeros(2, np.float32))]
    assert dry_run(OneOutput(4, 1), FocalLoss(), batch).classes is None
    with pytest.raises(ConfigError, match="expected -1 to 0 for outputs of 1 axis, received 1"):
        dry_run(OneOutput(4, 1), CrossEntropyLoss(), batch)

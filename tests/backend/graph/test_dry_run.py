"""A dry run finds what does not fit, whatever the sizes are."""

import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.backend.graph.dry_run import dry_run
from trainer.core.errors import ConfigError


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

"""What is noted of optimizers and graphs at the moment of a freeze."""

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from tests.support.nets import TwoConvs
from trainer.backend.optimizer_state import optimizer_state
from trainer.freezing.api.live_optimizers import Baseline


def set_state(optimizer: nn.Optimizer, **values: float) -> None:
    """Fill the moments of all weights, by the first part of their names."""
    for name, parameter in optimizer_state(optimizer).items():
        if (prefix := name.partition(".")[0]) in values:
            parameter.set_data(Tensor(np.full(parameter.shape, values[prefix], np.float32)))


@pytest.mark.parametrize(
    ("make", "moments", "push"),
    [
        (lambda p: nn.Momentum(p, 0.1, 0.9), {"moments": 3.0}, 3.0),
        (nn.Adam, {"moment1": 3.0, "moment2": 4.0}, 1.5),
        (nn.Adam, {"moment1": 3.0, "moment2": 0.0}, 3e8),
        (nn.Momentum, {"moments": 0.0}, None),
    ],
)
def test_moments_push_along_the_first_over_the_root_of_the_second(
    make: Callable[..., nn.Optimizer], moments: dict[str, float], push: float | None
) -> None:
    model = TwoConvs()
    arguments = (0.1, 0.9) if make is nn.Momentum else ()
    optimizer = make(model.trainable_params(), *arguments)
    set_state(optimizer, **moments)
    baseline = Baseline(model)
    set_state(optimizer, **dict.fromkeys(moments, 7.0))  # later values do not count
    direction = baseline.momentum(optimizer, model.conv1.weight)
    if push is None:
        assert direction is None
    else:
        assert direction is not None
        np.testing.assert_allclose(direction, np.full(model.conv1.weight.shape, push), rtol=1e-6)


def test_steps_are_counted_from_the_freeze() -> None:
    model = TwoConvs()
    optimizer = nn.SGD(model.trainable_params(), 0.1)
    optimizer.global_step.set_data(Tensor([5], ms.int32))
    baseline = Baseline(model)
    later = nn.SGD(model.trainable_params(), 0.1)
    assert (baseline.has(optimizer), baseline.has(later)) == (True, False)
    assert (baseline.has_stepped(optimizer), baseline.has_stepped(later)) == (False, False)
    for each, step in ((optimizer, 6), (later, 1)):
        each.global_step.set_data(Tensor([step], ms.int32))
        assert baseline.has_stepped(each) is True

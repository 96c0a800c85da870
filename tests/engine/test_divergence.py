"""A loss or weights that are not finite: the message names the cause that the batches show."""

import math

import numpy as np
import pytest
from mindspore import Tensor

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, plan_of, train
from trainer.backend.batch_types import Batch
from trainer.callbacks.freeze_guard import FreezeGuard
from trainer.core.errors import NotFinite, WeightsNotFinite
from trainer.engine import divergence


def images(value: float, rows: int = 1) -> Batch:
    array = IMAGES[0].asnumpy().copy()
    array[:rows, 0, 0, 0] = value
    return Tensor(array), IMAGES[1]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_inputs_that_are_not_finite_are_named(value: float) -> None:
    error = divergence.loss_not_finite(math.nan, 3, 7, [images(value)])
    assert "Input 1 of the batch is not finite in 1 of 4 rows: correct the data" in str(error)
    assert "optimizer.lr" not in str(error)


def test_a_label_that_is_not_finite_is_named() -> None:
    label = Tensor(np.array([0, math.nan], np.float32))
    error = divergence.loss_not_finite(
        math.nan, 1, 1, [(Tensor(np.ones((2, 1), np.float32)), label)]
    )
    assert "The label of the batch is not finite in 1 of 2 rows" in str(error)


def test_inputs_that_are_finite_leave_the_learning_rate() -> None:
    error = divergence.loss_not_finite(math.nan, 1, 2, [images(500.0)])
    assert "finite, at most 500 in magnitude. Likely: optimizer.lr is too high" in str(error)


def test_before_the_first_update_it_is_not_the_learning_rate() -> None:
    error = divergence.loss_not_finite(math.inf, 1, 1, [images(1e30)])
    assert "at most 1e+30 in magnitude" in str(error)
    assert "the first weights, or the inputs" in str(error)
    assert "optimizer.lr" not in str(error)


@pytest.mark.parametrize(
    ("batch", "cause"),
    [(images(math.nan), "In step 2, input 1 "), (IMAGES, "Likely: optimizer.lr is too high")],
)
def test_weights_that_are_not_finite_have_a_cause(batch: Batch, cause: str) -> None:
    error = divergence.weights_not_finite(WeightsNotFinite("these are not: a"), [IMAGES, batch])
    assert str(error).startswith("these are not: a. ")
    assert cause in str(error)


def test_a_learning_rate_that_is_too_high_is_blamed() -> None:
    net = TwoConvs()
    for parameter in net.get_parameters():
        parameter.set_data(Tensor(np.full(parameter.shape, 1e18, np.float32)))
    with pytest.raises(NotFinite, match="The inputs are finite, .* nothing was updated yet"):
        train(net, plan_of(net), callback=FreezeGuard())

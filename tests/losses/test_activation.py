"""Activations: probabilities are what the loss has trained outputs to be."""

import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from trainer.losses.activation import activate, activation_of
from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss
from trainer.losses.mse import MSELoss

OUTPUTS = np.array([[1.5, -2.0, 0.25], [80.0, -900.0, 3.0]], np.float32)


class Own(nn.Cell):
    """A custom loss that says how outputs become probabilities."""

    activation = "sigmoid"


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (CrossEntropyLoss(), "softmax"),
        (nn.SoftmaxCrossEntropyWithLogits(sparse=True), "softmax"),
        (nn.NLLLoss(), "softmax"),
        (BCEWithLogitsLoss(), "sigmoid"),
        (FocalLoss(), "sigmoid"),
        (nn.BCEWithLogitsLoss(), "sigmoid"),
        (nn.BCELoss(), "identity"),
        (Own(), "sigmoid"),
        (MSELoss(), None),
        (nn.L1Loss(), None),
        (nn.Cell(), None),
    ],
)
def test_a_loss_determines_it(loss: nn.Cell, activation: str | None) -> None:
    assert activation_of(loss) == activation


def test_they_are_those_of_mindspore() -> None:
    tensor = Tensor(OUTPUTS)
    assert activate("softmax", OUTPUTS) == pytest.approx(ops.softmax(tensor).asnumpy(), abs=1e-6)
    assert activate("sigmoid", OUTPUTS) == pytest.approx(ops.sigmoid(tensor).asnumpy(), abs=1e-6)
    logs = ops.log_softmax(tensor).asnumpy()  # what nn.NLLLoss expects
    assert activate("softmax", logs) == pytest.approx(activate("softmax", OUTPUTS), abs=1e-6)
    assert (activate(None, OUTPUTS) == OUTPUTS).all()


def test_outputs_that_are_not_finite_have_no_probabilities() -> None:
    assert np.isnan(activate("softmax", np.array([[np.inf, 1.0], [np.nan, 0.0]]))).any(axis=1).all()

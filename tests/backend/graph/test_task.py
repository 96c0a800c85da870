"""What a model is trained for, as its loss, its outputs and its labels show."""

import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.backend.device import load_numpy_interface
from trainer.backend.graph.dry_run import dry_run
from trainer.backend.graph.task import class_axis, ignored_label, task
from trainer.core.errors import ConfigError
from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss
from trainer.losses.mse import MSELoss

SCORES = Tensor(np.zeros((4, 3), np.float32))
NUMBERS = Tensor(np.zeros(4, np.int32))


@pytest.fixture(autouse=True)
def numpy_interface() -> None:
    """As a run has it before its first eager operator."""
    load_numpy_interface()


class Custom(nn.CrossEntropyLoss):
    """A loss that says nothing of itself; MindSpore's has an ``ignore_index`` of -100."""


@pytest.mark.parametrize(
    ("loss", "label", "expected"),
    [
        (CrossEntropyLoss(), NUMBERS, "classification"),
        (CrossEntropyLoss(), SCORES, None),  # probabilities of the classes
        (FocalLoss(), NUMBERS, "classification"),
        (FocalLoss(), SCORES, "multilabel"),
        (BCEWithLogitsLoss(), SCORES, "multilabel"),
        (MSELoss(), NUMBERS, "regression"),
        (Custom(), NUMBERS, "classification"),
        (Custom(), SCORES, None),
    ],
)
def test_the_task(loss: nn.Cell, label: Tensor, expected: str | None) -> None:
    assert task(SCORES, label, loss) == expected


def test_what_a_loss_says_of_the_classes() -> None:
    assert (class_axis(Custom()), ignored_label(Custom())) == (1, None)
    loss = CrossEntropyLoss(ignore_index=255, class_axis=-1)
    assert (class_axis(loss), ignored_label(loss)) == (-1, 255)


def test_labels_of_several_classes_lie_between_0_and_1() -> None:
    inputs, label = np.zeros((4, 5), np.float32), np.zeros((4, 3), np.float32)
    model, loss = nn.Dense(5, 3), BCEWithLogitsLoss()
    assert dry_run(model, loss, [Tensor(inputs), Tensor(label)]).task == "multilabel"
    label[3, 2] = 7
    with pytest.raises(ConfigError, match="expected labels of 0 to 1 for each output, received 0"):
        dry_run(model, loss, [Tensor(inputs), Tensor(label)])


def test_words_have_their_classes_on_the_last_axis() -> None:
    words, label = np.zeros((4, 6, 5), np.float32), np.zeros((4, 6), np.int32)
    model, loss = nn.Dense(5, 3), CrossEntropyLoss(class_axis=-1)
    assert dry_run(model, loss, [Tensor(words), Tensor(label)]).classes == 3
    label[2, 1] = 3  # a place, but no class
    with pytest.raises(ConfigError, match="the model's 3 classes, received 3"):
        dry_run(model, loss, [Tensor(words), Tensor(label)])

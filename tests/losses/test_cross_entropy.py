"""Cross-entropy where it departs from MindSpore's and PyTorch's; values: tests/parity."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from sklearn.utils.class_weight import compute_class_weight

from trainer.config.instantiate import instantiate_target
from trainer.core.errors import ConfigError
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss
from trainer.losses.total_weight import total_weight

SCORES = Tensor(np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32))
LABELS = Tensor(np.array([0, 2, 1, 1, 0, 2], np.int32))
IGNORED = Tensor(np.full(6, 255, np.int32))


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropyLoss(ignore_index=255),
        CrossEntropyLoss(0.1, [1, 2, 3], 255),
        CrossEntropyLoss(class_weights=[0, 1, 0.0], ignore_index=-1),
        FocalLoss(ignore_index=255),
    ],
)
def test_a_batch_without_labels_that_count_weighs_nothing(loss: nn.Cell) -> None:
    labels = IGNORED if loss.ignore_index == 255 else Tensor(np.zeros(6, np.int32))
    value, gradient = ms.jit(ms.value_and_grad(loss, 0))(SCORES, labels)
    assert float(value.asnumpy()) == 0
    assert not gradient.asnumpy().any()
    assert float(total_weight(loss, SCORES, labels).asnumpy()) == 0


def test_the_plain_loss_has_the_bits_of_mindspores() -> None:
    for smoothing in (0, 0.1):
        ours = ms.jit(ms.value_and_grad(CrossEntropyLoss(smoothing), 0))(SCORES, LABELS)
        theirs = nn.CrossEntropyLoss(label_smoothing=float(smoothing))
        expected = ms.jit(ms.value_and_grad(theirs, 0))(SCORES, LABELS)
        for one, other in zip(ours, expected, strict=True):
            assert one.asnumpy().tobytes() == other.asnumpy().tobytes()


def test_the_weight_is_that_of_the_labels_that_count() -> None:
    labels = Tensor(np.array([0, 255, 1, 1, 255, 2], np.int32))
    for loss, expected in [
        (CrossEntropyLoss(), 6),
        (CrossEntropyLoss(ignore_index=255), 4),
        (CrossEntropyLoss(class_weights=[1, 0.5, 4], ignore_index=255), 1 + 2 * 0.5 + 4),
        (FocalLoss(ignore_index=255), 4 * 3),
    ]:
        assert float(total_weight(loss, SCORES, labels).asnumpy()) == expected
    pixels = Tensor(np.zeros((2, 3, 4, 5), np.float32))
    places = Tensor(np.zeros((2, 4, 5), np.int32))
    assert float(total_weight(CrossEntropyLoss(), pixels, places).asnumpy()) == 40


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.repeat([0, 1, 2], [1, 7, 4])
    loss = CrossEntropyLoss(class_weights="balanced")
    loss.set_class_counts(np.bincount(labels).tolist())
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert loss.class_weights == pytest.approx(expected.tolist())
    with pytest.raises(ValueError, match="labels of all 3 classes, received none of 1; give"):
        loss.set_class_counts([3, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"label_smoothing": 1}, "label_smoothing of 0 to below 1, received 1"),
        ({"label_smoothing": True}, "received True"),
        ({"class_weights": "balance"}, "a list of numbers or balanced, received 'balance'"),
        ({"class_weights": [1, -1]}, "each of class_weights of 0 or more, received -1"),
        ({"class_weights": [1, float("nan")]}, "received nan"),
        ({"class_weights": [0, 0]}, "one of class_weights to be above 0"),
        ({"class_weights": 3}, "to be a list of numbers, received 3"),
        ({"ignore_index": 1.5}, "ignore_index to be a whole number, received 1.5"),
        ({"class_axis": None}, "class_axis to be a whole number, received None"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("[", r"\[")):
        CrossEntropyLoss(**arguments)


def test_weights_of_the_wrong_number_are_a_problem_of_the_outputs_shape() -> None:
    problem = CrossEntropyLoss(class_weights=[1, 2]).shape_problem((8, 3))
    assert problem == (
        "loss.class_weights: expected 3 weights, one for each class of the model, received 2"
    )
    assert CrossEntropyLoss(class_weights=[1, 2], class_axis=-1).shape_problem((8, 3, 2)) == ""
    assert CrossEntropyLoss().shape_problem((8, 3)) == ""


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        (
            CrossEntropyLoss,
            {"label_smoothing": 2, "class_weights": 3, "ignore_index": 1.5, "class_axis": None},
        ),
        (FocalLoss, {"alpha": 2, "gamma": -1, "ignore_index": 1.5, "class_axis": None}),
    ],
)
def test_all_wrong_arguments_are_reported_together(
    loss: type[nn.Cell], arguments: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        instantiate_target("loss", {"_target_": f"{loss.__module__}.{loss.__name__}", **arguments})
    assert len(caught.value.problems) == len(arguments)
    for (name, value), problem in zip(arguments.items(), caught.value.problems, strict=True):
        assert problem.startswith(f"loss: {loss.__module__}.{loss.__name__}: expected {name} ")
        assert problem.endswith(f"received {value!r}")

import json
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score

from tests.support.nets import Normed
from tests.support.training import LOSS, changed
from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import BadData
from trainer.distributed.world import World
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.focal import FocalLoss
from trainer.losses.mse import MSELoss
from trainer.metrics.classification import balanced_accuracy, f1
from trainer.metrics.confusion import Confusion
from trainer.metrics.evaluator import Evaluator

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(7, 1, 6, 6)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 7).astype(np.int32)


def batches(size: int, labels: NDArray[Any] = LABELS) -> list[Batch]:
    starts = range(0, len(IMAGES), size)
    return [(Tensor(IMAGES[s : s + size]), Tensor(labels[s : s + size])) for s in starts]


class Identity(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return x


def test_loss_and_accuracy_by_hand() -> None:
    scores = np.array([[2, 0], [0, 2], [0, 2]], np.float32)
    score = Evaluator(Identity(), LOSS)([(Tensor(scores), Tensor(np.array([0, 1, 0], np.int32)))])
    right, wrong = np.log(1 + np.exp(-2)), np.log(1 + np.exp(2))
    assert score.loss == pytest.approx((2 * right + wrong) / 3)
    assert score.accuracy == pytest.approx(2 / 3)
    assert score.samples == 3


def test_a_sample_whose_scores_are_nan_is_not_predicted() -> None:
    scores = np.array([[2, 0], [np.nan, np.nan], [np.nan, 0], [-np.inf, 0]], np.float32)
    batch = Tensor(scores), Tensor(np.array([0, 0, 0, 1], np.int32))
    evaluator = Evaluator(Identity(), LOSS)
    score = evaluator([batch], metrics={"f1": f1, "recall": balanced_accuracy})
    assert score.accuracy == 2 / 4
    assert score.metrics["recall"] == pytest.approx((1 / 3 + 1) / 2)
    assert score.metrics["f1"] == pytest.approx((1 / 2 + 1) / 2)  # NaN is no third class


@pytest.mark.parametrize(
    ("value", "cause"),
    [(np.nan, "input 1 of the batch is not finite in 1 of 2 rows"), (1.0, "it is the weights")],
)
def test_a_loss_that_is_not_finite_is_reported_once(
    value: float, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = Tensor(np.array([[1, value], [1, 1]], np.float32))
    batch = inputs, Tensor(np.array([0, 1], np.int32))
    evaluator = Evaluator(Identity(), LOSS, forward=lambda x: x * float("nan"))
    evaluator([batch, batch])
    evaluator([batch])
    (record,) = caplog.records
    assert cause in record.getMessage()


@pytest.mark.parametrize("size", [3, 4, 7])
def test_a_smaller_last_batch_counts_by_its_samples(size: int) -> None:
    net = Normed()
    evaluator = Evaluator(net, LOSS)
    score = evaluator(batches(size))
    net.set_train(False)
    output = net(Tensor(IMAGES))
    assert score.samples == 7
    assert score.loss == pytest.approx(float(LOSS(output, Tensor(LABELS))), rel=1e-5)
    assert score.accuracy == (output.asnumpy().argmax(axis=1) == LABELS).mean()


def test_evaluation_moves_nothing_and_repeats_itself_after_training_mode() -> None:
    net = Normed().set_train()
    before = to_numpy(net)
    evaluator = Evaluator(net, LOSS)
    first = evaluator(batches(4))
    net.set_train()
    assert evaluator(batches(4)) == first
    assert not changed(before, to_numpy(net))
    assert not net.training


def test_labels_that_are_no_classes_have_no_accuracy() -> None:
    targets = RANDOM.normal(size=(7, 3)).astype(np.float32)
    score = Evaluator(Normed(), nn.MSELoss())(batches(7, targets))
    assert score.accuracy is None
    assert score.loss > 0


class Twice(nn.Cell):
    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class FirstOnly(nn.Cell):
    def construct(self, output: tuple[Tensor, Tensor], label: Tensor) -> Tensor:
        return LOSS(output[0], label)


def test_several_outputs_are_scored_by_their_loss_alone() -> None:
    scores = np.array([[2, 0], [0, 2], [0, 2]], np.float32)
    labels = np.array([0, 1, 1], np.int32)
    parts = [(Tensor(scores[a:b]), Tensor(labels[a:b])) for a, b in ((0, 2), (2, 3))]
    score = Evaluator(Twice(), FirstOnly())(parts)
    assert score.loss == pytest.approx(np.log(1 + np.exp(-2)), rel=1e-5)
    assert score.accuracy is None


def test_accuracy_of_a_label_for_each_place_is_their_share() -> None:
    scores = np.zeros((1, 2, 2, 2), np.float32)
    scores[:, 1] = 1
    labels = np.array([[[1, 1], [1, 0]]], np.int32)
    assert Evaluator(Identity(), LOSS)([(Tensor(scores), Tensor(labels))]).accuracy == 0.75


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropyLoss(class_weights=[1, 10, 0.1]),
        CrossEntropyLoss(0.1, [1, 10, 0.1], ignore_index=1),
        FocalLoss(ignore_index=0),
        LOSS,
    ],
)
def test_neither_batch_size_nor_order_changes_the_loss(loss: nn.Cell) -> None:
    random = np.random.default_rng(1)
    scores = random.normal(size=(60, 3)).astype(np.float32) * 3
    labels = np.sort(random.integers(0, 3, 60)).astype(np.int32)  # some batches are all ignored

    evaluator = Evaluator(Identity(), loss)  # one, which compiles each shape once

    def score(size: int, order: NDArray[Any]) -> float:
        parts = [order[start : start + size] for start in range(0, 60, size)]
        batches = [(Tensor(scores[part]), Tensor(labels[part])) for part in parts]
        return evaluator(batches).loss

    whole = float(loss(Tensor(scores), Tensor(labels)).asnumpy())
    for size in (60, 16, 1):
        for order in (np.arange(60), random.permutation(60)):
            assert score(size, order) == pytest.approx(whole, rel=1e-6)


class Dealt(World):
    """A rank among two whose values are exchanged between calls of ``gather``."""

    values: list[list[Any]]

    def gather(self, value: Any) -> list[Any]:
        self.values[self.rank].append(json.loads(json.dumps(value)))
        mine = len(self.values[self.rank]) - 1
        others = [values[mine] for values in self.values if len(values) > mine]
        return others if len(others) == self.world_size else [value] * self.world_size


@pytest.mark.slow
def test_two_ranks_gather_the_whole_set_in_its_order() -> None:
    scores = np.random.default_rng(1).normal(size=(23, 3)).astype(np.float32)
    labels = (np.arange(23) % 3).astype(np.int32)
    parts = [slice(start, start + 5) for start in range(0, 23, 5)]
    data = [(Tensor(scores[part]), Tensor(labels[part])) for part in parts]
    loss = CrossEntropyLoss(class_weights=[1, 10, 0.1])
    seen: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def metric(*columns: NDArray[Any]) -> float:
        seen.append((columns[0], columns[1]))
        return 0.0

    alone = Evaluator(Identity(), loss)(data, metrics={"metric": metric})
    Dealt.values = [[], []]
    for rank in (0, 1, 0):  # the first call of rank 0 has not heard of the other yet
        Dealt.values[rank] = []
        together = Evaluator(Identity(), loss, Dealt(rank, 2))(data, metrics={"metric": metric})
    assert together == alone
    for column, expected in zip(seen[-1], (scores, labels), strict=True):
        assert column.dtype == expected.dtype
        assert column.tolist() == expected.tolist()


def test_ignored_labels_are_left_out_of_everything() -> None:
    scores = np.random.default_rng(1).normal(size=(4, 3, 2, 2)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 3, (4, 2, 2)).astype(np.int32)
    labels[1:3, 0] = 255
    counted = labels != 255
    loss, confusion = CrossEntropyLoss(ignore_index=255, class_axis=-1), Confusion()
    batch = Tensor(np.moveaxis(scores, 1, -1).copy()), Tensor(labels)
    score = Evaluator(Identity(), loss)([batch], confusion, {"f1": f1})
    answers = scores.argmax(axis=1)[counted]
    assert score.accuracy == (answers == labels[counted]).mean()
    assert score.metrics["f1"] == f1_score(labels[counted], answers, average="macro")
    assert confusion.counts.tolist() == confusion_matrix(labels[counted], answers).tolist()
    assert confusion.samples.sum() == counted.sum() == 12


def test_labels_of_which_none_counts_are_an_error() -> None:
    batch = Tensor(np.zeros((2, 3), np.float32)), Tensor(np.full(2, 7, np.int32))
    with pytest.raises(BadData, match="expected labels that count, received none"):
        Evaluator(Identity(), CrossEntropyLoss(ignore_index=7))([batch])
    with pytest.raises(BadData, match="validation data: expected labels of 0 to 2"):
        Evaluator(Identity(), CrossEntropyLoss(ignore_index=8))([batch])


def test_a_regression_on_whole_numbers_is_no_classification() -> None:
    labels = Tensor(np.array([[1], [2]], np.int32))
    score = Evaluator(Identity(), MSELoss())([(Tensor(np.ones((2, 1), np.float32)), labels)])
    assert (score.loss, score.accuracy) == (0.5, None)

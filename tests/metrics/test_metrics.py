"""Metrics against scikit-learn's own functions, on classes, several labels and a regression."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn import metrics as sk

from trainer.config import metrics as options
from trainer.core.errors import ConfigError
from trainer.metrics.build_metrics import build_metrics, compute, task_problems
from trainer.metrics.classification import top_k
from trainer.metrics.per_class import recording, rows, text

Array = NDArray[Any]

_random = np.random.default_rng(0)
SCORES = _random.normal(size=(80, 7)).astype(np.float32) * 3
LABELS = _random.integers(0, 7, 80).astype(np.int32)
SEVERAL = _random.integers(0, 2, (80, 7)).astype(np.float32)
VALUES = (SCORES + _random.normal(size=SCORES.shape) * 2).astype(np.float32)


def value(name: str, outputs: Array, labels: Array) -> float:
    parts = [(outputs[:50], labels[:50]), (outputs[50:], labels[50:])]
    return compute(build_metrics([name]), parts)[name]


def per_class(name: str, outputs: Array, labels: Array) -> list[float | None]:
    values: dict[str, list[float | None]] = {}
    compute(recording(build_metrics([name]), values), [(outputs, labels)])
    return values[name]


def test_classes() -> None:
    answers, probabilities = SCORES.argmax(axis=1), softmax(SCORES.astype(np.float64), axis=1)
    one_hot = np.eye(7)[LABELS]
    expected = {
        "accuracy": sk.accuracy_score(LABELS, answers),
        "top5": sk.top_k_accuracy_score(LABELS, SCORES, k=5),
        "f1": sk.f1_score(LABELS, answers, average="macro"),
        "precision": sk.precision_score(LABELS, answers, average="macro"),
        "recall": sk.recall_score(LABELS, answers, average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(LABELS, answers),
        "auroc": sk.roc_auc_score(LABELS, probabilities, multi_class="ovr", average="macro"),
        "average_precision": sk.average_precision_score(one_hot, probabilities, average="macro"),
    }
    for name, wanted in expected.items():
        assert value(name, SCORES, LABELS) == pytest.approx(float(wanted), rel=1e-12), name
    assert per_class("f1", SCORES, LABELS) == list(sk.f1_score(LABELS, answers, average=None))
    assert per_class("auroc", SCORES, LABELS) == pytest.approx(
        sk.roc_auc_score(LABELS, probabilities, multi_class="ovr", average=None).tolist()
    )


def test_several_labels() -> None:
    answers, probabilities = (SCORES > 0).astype(int), expit(SCORES.astype(np.float64))
    expected = {
        "accuracy": sk.accuracy_score(SEVERAL, answers),
        "f1": sk.f1_score(SEVERAL, answers, average="macro"),
        "precision": sk.precision_score(SEVERAL, answers, average="macro"),
        "recall": sk.recall_score(SEVERAL, answers, average="macro"),
        "auroc": sk.roc_auc_score(SEVERAL, probabilities),
        "average_precision": sk.average_precision_score(SEVERAL, probabilities),
    }
    for name, wanted in expected.items():
        assert value(name, SCORES, SEVERAL) == pytest.approx(float(wanted), rel=1e-12), name
    assert per_class("precision", SCORES, SEVERAL) == pytest.approx(
        sk.precision_score(SEVERAL, answers, average=None).tolist()
    )


def test_regression() -> None:
    expected = {
        "mae": sk.mean_absolute_error(VALUES, SCORES),
        "rmse": sk.root_mean_squared_error(VALUES, SCORES),
        "r2": sk.r2_score(VALUES, SCORES),
    }
    for name, wanted in expected.items():
        assert value(name, SCORES, VALUES) == pytest.approx(float(wanted), rel=1e-5), name
        assert np.isnan(value(name, np.where(SCORES > 5, np.nan, SCORES), VALUES))
        with pytest.raises(ConfigError, match="expected outputs and labels of the same shape"):
            value(name, SCORES, LABELS)


def test_two_classes_are_ranked_by_the_second() -> None:
    labels, scores = LABELS % 2, SCORES[:, :2]
    second = softmax(scores.astype(np.float64), axis=1)[:, 1]
    assert value("auroc", scores, labels) == pytest.approx(sk.roc_auc_score(labels, second))
    assert value("average_precision", scores, labels) == pytest.approx(
        float(sk.average_precision_score(labels, second))
    )


def test_a_class_without_a_sample_is_what_scikit_learn_makes_of_it() -> None:
    labels = np.where(LABELS == 6, 5, LABELS)
    answers = SCORES.argmax(axis=1)
    assert value("f1", SCORES, labels) == sk.f1_score(labels, answers, average="macro")
    assert value("balanced_accuracy", SCORES, labels) == pytest.approx(
        float(sk.recall_score(labels, answers, labels=range(6), average="macro"))
    )
    assert np.isnan(value("auroc", SCORES, labels))
    curve = per_class("auroc", SCORES, labels)
    assert curve[6] is None
    assert None not in curve[:6]
    assert per_class("average_precision", SCORES, labels)[6] == 0
    assert per_class("recall", SCORES, labels)[6] is None


def test_large_scores_keep_their_order() -> None:
    scores = np.array([[0, 900, 1], [0, 910, 1], [0, 920, 1], [930, 0, 1]], np.float32)
    labels = np.array([0, 1, 2, 0], np.int32)
    assert per_class("auroc", scores, labels)[2] == pytest.approx(1 / 3)  # of probabilities: 0.5


def test_places_and_words_count_one_by_one() -> None:
    scores, labels = SCORES.reshape(20, 4, 7).transpose(0, 2, 1), LABELS.reshape(20, 4)
    for name in ("accuracy", "f1", "top5", "auroc", "average_precision"):
        assert value(name, scores, labels) == pytest.approx(value(name, SCORES, LABELS)), name


def test_scores_that_are_nan_are_wrong_and_have_no_rank() -> None:
    scores = SCORES.copy()
    scores[:40, 0] = np.nan
    right = sk.top_k_accuracy_score(LABELS[40:], SCORES[40:], k=5, normalize=False, labels=range(7))
    assert value("top5", scores, LABELS) == right / 80
    assert value("top5", np.full_like(scores, np.nan), LABELS) == 0
    assert np.isnan(value("auroc", scores, LABELS))
    assert per_class("auroc", scores, LABELS) == [None] * 7
    with pytest.raises(ValueError, match="expected more than 5 classes, received 5"):
        top_k(SCORES[:, :5], LABELS % 5, k=5)


@pytest.mark.parametrize("name", ["f1", "precision", "recall"])
def test_scores_that_are_nan_are_no_further_class_of_a_mean(name: str) -> None:
    scores = SCORES.copy()
    scores[:20] = np.nan
    of_classes = np.array(per_class(name, scores, LABELS), np.float64)
    assert value(name, scores, LABELS) == pytest.approx(of_classes.mean())


def test_labels_that_are_neither_0_nor_1_are_named() -> None:
    with pytest.raises(ConfigError, match="expected labels of 0 or 1 for each output"):
        value("f1", SCORES, SEVERAL * 2)


@pytest.mark.parametrize(
    ("task", "others"),
    [
        ("regression", {"accuracy", "auroc", "f1", "top5", "balanced_accuracy"}),
        ("classification", {"mae", "rmse", "r2"}),
        ("multilabel", {"mae", "rmse", "r2", "top5", "balanced_accuracy"}),
    ],
)
def test_a_metric_for_another_task_is_a_problem(task: str, others: set[str]) -> None:
    problems = task_problems(build_metrics(options.names()), [task])
    named = {problem.split("received ")[1].split(",")[0] for problem in problems}
    assert others <= named
    assert task_problems(build_metrics(options.names()), []) == []
    assert task_problems({"own": lambda outputs, labels: 0.0}, [task]) == []


def test_the_table_of_classes() -> None:
    values = {"f1": [0.5, None, 1.0], "auroc": [0.25, 0.5, None]}
    assert rows(values, [{"class": 0, "f1": 2}, {"class": 1}, {"class": 2}])[0] == {
        "class": 0,
        "f1": 2,
        "auroc": 0.25,
    }
    lines = [line.split() for line in text(values).splitlines()]
    assert lines == [
        ["class", "f1", "auroc"],
        ["0", "0.5", "0.25"],
        ["1", "none", "0.5"],
        ["2", "1", "none"],
    ]
    many = text({"f1": [0.5] * 30})
    assert many.startswith("the first 20 of 30 classes\n")
    assert len(many.splitlines()) == 22


def test_values_per_class_have_the_names() -> None:
    values = {"f1": [0.5, None]}
    assert rows(values, names=["cat", "dog"])[1] == {"class": 1, "name": "dog", "f1": None}
    assert text(values, ["cat", "dog"]).splitlines()[1].split() == ["0", "cat", "0.5"]

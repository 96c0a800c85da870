"""Metrics by name: as scikit-learn defines them, over the whole set."""

import numpy as np
import pytest
from mindspore import Tensor, nn
from sklearn.metrics import balanced_accuracy_score, f1_score

from trainer.core.errors import ConfigError
from trainer.metrics.build_metrics import build_metrics, class_problems, compute
from trainer.metrics.evaluator import Evaluator

_random = np.random.default_rng(0)
SCORES = _random.normal(size=(23, 3)).astype(np.float32)
LABELS = _random.integers(0, 3, 23).astype(np.int32)


class Identity(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return x


def test_they_are_computed_over_the_whole_set_whatever_the_batches_are() -> None:
    predictions = SCORES.argmax(axis=1)
    expected = {
        "f1": f1_score(LABELS, predictions, average="macro"),
        "balanced_accuracy": balanced_accuracy_score(LABELS, predictions),
    }
    metrics = build_metrics(list(expected))
    for size in (23, 7):
        parts = [slice(at, at + size) for at in range(0, 23, size)]
        batches = [(Tensor(SCORES[part]), Tensor(LABELS[part])) for part in parts]
        score = Evaluator(Identity(), nn.CrossEntropyLoss())(batches, metrics=metrics)
        assert score.metrics == pytest.approx(expected)
        assert score.samples == 23


def test_without_metrics_there_are_none() -> None:
    assert compute({}, []) == {}


def test_a_metric_that_does_not_fit_is_named() -> None:
    metrics = build_metrics(["f1"])
    with pytest.raises(ConfigError, match=r"f1 does not fit outputs \(4, 2\) and labels \(4, 2\)"):
        compute(metrics, [(np.zeros((4, 2)), np.full((4, 2), 0.5))])


@pytest.mark.parametrize(("classes", "fits"), [(5, False), (6, True), (None, True)])
def test_the_five_highest_scores_need_more_than_five_classes(
    classes: int | None, fits: bool
) -> None:
    problems = class_problems(build_metrics(["top5", "f1"]), classes)
    needs = "received top5, which needs more than 5"
    expected = f"evaluation.metrics: expected a metric for 5 classes, {needs}"
    assert problems == ([] if fits else [expected])


def test_several_outputs_are_refused() -> None:
    several = (Tensor(SCORES), Tensor(SCORES))
    with pytest.raises(ConfigError, match="expected a model that returns one tensor"):
        compute(build_metrics(["f1"]), [(several, LABELS)])  # type: ignore[list-item]


def test_f1_needs_class_numbers() -> None:
    with pytest.raises(ConfigError, match="expected class numbers as labels, received float32"):
        compute(build_metrics(["f1"]), [(SCORES, LABELS.astype(np.float32))])

"""Calibration: scikit-learn's curve, and the error from its definition."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from trainer.losses.activation import activate
from trainer.metrics import calibration
from trainer.metrics.calibration import BINS, Calibration

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 4, 500)
SCORES = RANDOM.normal(size=(500, 4)) * 2 + 2 * np.eye(4)[LABELS]


@pytest.fixture
def counted() -> Calibration:
    """The samples, in batches of several sizes."""
    counts = Calibration("softmax")
    for part in (slice(0, 7), slice(7, 300), slice(300, 500)):
        counts(SCORES[part], LABELS[part])
    return counts


def test_the_curve_is_that_of_scikit_learn(counted: Calibration) -> None:
    top = activate("softmax", SCORES).max(axis=1)
    right = SCORES.argmax(axis=1) == LABELS
    accuracy, confidence = calibration_curve(right, top, n_bins=BINS)
    filled = counted.samples > 0
    assert counted.accuracy[filled] == pytest.approx(accuracy)
    assert counted.confidence[filled] == pytest.approx(confidence)
    shares = counted.samples[filled] / len(LABELS)
    assert counted.error == pytest.approx(float((shares * abs(accuracy - confidence)).sum()))


def test_a_bin_has_its_upper_bound_and_records_are_complete() -> None:
    counts = Calibration("identity")
    counts(np.array([[3 / 15, 0.0], [3 / 15 + 1e-9, 0.0], [1.0, 0.0]]), np.array([0, 1, 0]))
    rows = calibration.rows(counts)
    assert [row["samples"] for row in rows] == [0, 0, 1, 1, *[0] * 10, 1]
    assert rows[2] == {
        "above": 0.133333, "to": 0.2, "samples": 1, "confidence": 0.2, "accuracy": 1.0
    }  # fmt: skip
    assert rows[0]["accuracy"] is None
    assert counts.error == pytest.approx((0.8 + 0.2 + 0) / 3)


def test_scores_that_are_not_finite_have_no_bin() -> None:
    counts = Calibration("softmax")
    counts(np.array([[np.nan, 1.0], [0.0, 0.0]]), np.array([0, 0]))
    assert counts.samples.sum() == 1
    assert np.isnan(Calibration("softmax").error)


def test_words_of_a_text_are_counted_one_by_one(counted: Calibration) -> None:
    counts = Calibration("softmax")
    counts(SCORES.reshape(50, 10, 4).transpose(0, 2, 1), LABELS.reshape(50, 10))
    assert counts.samples.tolist() == counted.samples.tolist()
    assert counts.error == pytest.approx(counted.error)

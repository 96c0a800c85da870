"""Examples: the worst and the least sure samples of all batches, and nothing else is kept."""

import numpy as np
import pytest
from mindspore import Tensor

from trainer.losses.activation import activate
from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.metrics import examples
from trainer.metrics.examples import MOST, Examples

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 3, 100).astype(np.int32)
SCORES = (RANDOM.normal(size=(100, 3)) * 2).astype(np.float32)
SHARES = activate("softmax", SCORES)


def seen(into: Examples, labels: np.ndarray = LABELS, size: int = 17) -> Examples:
    inputs = np.arange(len(labels), dtype=np.float32)[:, None]
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        into([Tensor(inputs[part]), Tensor(labels[part])], Tensor(SCORES[: len(labels)][part]))
    return into


def test_they_are_those_of_all_samples() -> None:
    kept = seen(Examples(CrossEntropyLoss(), "softmax"))
    losses = -np.log(SHARES[np.arange(100), LABELS])
    assert [one.index for one in kept.worst] == np.argsort(-losses)[:MOST].tolist()
    assert [one.loss for one in kept.worst] == pytest.approx(np.sort(-losses)[:MOST] * -1)
    top = SHARES.max(axis=1)
    assert [one.index for one in kept.least_sure] == np.argsort(top)[:MOST].tolist()
    assert all(one.prepared == one.index for one in (*kept.worst, *kept.least_sure))
    assert all(one.predictions == (SCORES[one.index].argmax(),) for one in kept.worst)


def test_samples_that_were_skipped_keep_their_indices() -> None:
    kept = seen(Examples(CrossEntropyLoss(), "softmax", skipped={0, 1, 50}))
    plain = seen(Examples(CrossEntropyLoss(), "softmax"))
    shifted = [one.index + 2 + (one.index >= 48) for one in plain.worst]
    assert [one.index for one in kept.worst] == shifted


def test_labels_that_do_not_count_are_no_examples() -> None:
    labels = np.where(np.arange(100) % 2, 7, LABELS).astype(np.int32)
    kept = seen(Examples(CrossEntropyLoss(ignore_index=7), "softmax"), labels)
    assert len(kept.worst) == MOST
    assert all(one.index % 2 == 0 for one in (*kept.worst, *kept.least_sure))


def test_a_loss_that_is_not_finite_is_the_worst() -> None:
    kept = Examples(CrossEntropyLoss(), "softmax")
    scores = np.array([[0, 1], [np.nan, 0], [900, 0]], np.float32)
    kept([Tensor(scores), Tensor(np.array([0, 0, 1], np.int32))], Tensor(scores))
    assert [one.index for one in kept.worst] == [1, 2, 0]
    assert [one.predictions for one in kept.worst] == [(-1,), (0,), (1,)]
    record = examples.rows(kept.worst, ("a", "b"), ["x/0.jpg", "x/1.jpg"])
    assert record[0]["file"] == "x/1.jpg"
    assert "prediction_name" not in record[0]
    assert "file" not in record[1]


def test_numbers_have_none() -> None:
    kept = Examples(CrossEntropyLoss(), "softmax")
    rows = Tensor(np.ones((4, 2), np.float32))
    kept([rows, rows], rows)
    assert not kept.worst


def test_several_labels_have_the_mean_over_all() -> None:
    truth = (RANDOM.random((100, 3)) < 0.4).astype(np.float32)
    kept = seen(Examples(BCEWithLogitsLoss(), "sigmoid"), truth)
    shares = activate("sigmoid", SCORES)
    losses = -np.log(np.where(truth == 1, shares, 1 - shares)).mean(axis=1)
    assert [one.index for one in kept.worst] == np.argsort(-losses)[:MOST].tolist()
    assert [one.loss for one in kept.worst] == pytest.approx(-np.sort(-losses)[:MOST])
    sureness = np.maximum(shares, 1 - shares).mean(axis=1)
    assert [one.index for one in kept.least_sure] == np.argsort(sureness)[:MOST].tolist()
    row = examples.rows(kept.worst, ("a", "b", "c"), ())[0]
    assert row["labels"] == np.flatnonzero(truth[row["index"]]).tolist()
    likely = zip("abc", shares[row["index"]] >= 0.5, strict=True)
    assert row["prediction_names"] == [name for name, is_likely in likely if is_likely]

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.metrics import confusion
from trainer.metrics.confusion import Confusion


def counted(labels: list[int], answers: list[int], classes: int) -> Confusion:
    found = Confusion()
    found(np.eye(classes, dtype=np.float32)[answers], np.array(labels, np.int32))
    return found


def random(classes: int, samples: int) -> Confusion:
    numbers = np.random.default_rng(0)
    labels = numbers.integers(0, classes, samples)
    wrong = numbers.random(samples) < 0.3
    return counted(list(labels), list(np.where(wrong, (labels + 1) % classes, labels)), classes)


def test_precision_and_recall_by_hand() -> None:
    found = counted([0, 0, 0, 1], [0, 0, 1, 1], 4)
    assert found.counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0] * 4, [0] * 4]
    assert confusion.rows(found) == [
        {"class": 0, "samples": 3, "precision": 1.0, "recall": pytest.approx(2 / 3)},
        {"class": 1, "samples": 1, "precision": 0.5, "recall": 1.0},
        {"class": 2, "samples": 0, "precision": None, "recall": None},
        {"class": 3, "samples": 0, "precision": None, "recall": None},
    ]
    lines = confusion.text(found).splitlines()
    assert lines[1].split() == ["0", "3", "100.0", "%", "66.7", "%"]
    assert lines[3].split()[1:] == ["0", "none", "none"]
    assert lines[7].split() == ["0", "2", "1", ".", "."]


def test_a_name_with_a_line_break_stays_in_its_row() -> None:
    text = confusion.text(counted([0, 1], [1, 1], 2), ("one\ntwo\x1b[1m", "b"))
    shares, matrix = text.split("\n\n")
    assert shares.splitlines()[1].startswith("0 one\\ntwo\\x1b[1m")
    assert (len(shares.splitlines()), len(matrix.splitlines())) == (3, 3)


def test_batches_add_up() -> None:
    found = counted([0, 1], [1, 1], 2)
    found(np.array([[1.0, 0.0]]), np.array([1]))
    assert found.counts.tolist() == [[0, 1], [1, 1]]


def test_a_label_for_each_place() -> None:
    scores: NDArray[Any] = np.zeros((1, 2, 2, 2))
    scores[:, 1] = 1
    found = Confusion()
    found(scores, np.array([[[1, 1], [1, 0]]]))
    assert found.counts.tolist() == [[0, 1], [0, 3]]


def test_a_label_that_is_no_class_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="expected labels below 2, received -1, 2"):
        Confusion()(np.zeros((3, 2)), np.array([2, 0, -1]))


def test_of_many_classes_the_worst_are_shown() -> None:
    found = random(50, 2000)
    text = confusion.text(found)
    assert text.startswith("the 20 worst of 50 classes, by recall\nclass  samples")
    shown = [line.split() for line in text.split("\n\n")[0].splitlines()[2:]]
    assert len(shown) == 20
    recalls = sorted(float(r) for r in found.recall)
    assert [row[4] for row in shown] == [f"{100 * recall:.1f}" for recall in recalls[:20]]
    label, answer, samples = text.split("\n\n")[1].splitlines()[2].split()
    assert int(samples) == found.counts[int(label), int(answer)]
    assert int(samples) == (found.counts - np.diag(found.counts.diagonal())).max()


@pytest.mark.parametrize(("classes", "numbers"), [(3, 6), (20, 40), (21, 0), (1000, 0)])
def test_the_picture_has_numbers_only_where_there_is_room(classes: int, numbers: int) -> None:
    figure = confusion.figure(random(classes, 40 * classes), "title")
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    assert max(width, height) < 13
    matrix = figure.axes[0]
    assert len(matrix.texts) == numbers
    assert len(matrix.get_xticks()) <= 23


def test_a_sample_whose_scores_are_nan_has_no_answer() -> None:
    confusion = Confusion()
    confusion(np.array([[0, 1], [np.nan, 1], [np.nan, np.nan]]), np.array([1, 1, 0]))
    assert confusion.counts.tolist() == [[0, 0], [0, 1]]
    assert confusion.samples.tolist() == [1, 2]
    assert confusion.recall.tolist() == [0, 0.5]


def test_classes_are_named_in_tables_records_and_the_picture() -> None:
    found = counted([0, 0, 1, 1], [0, 1, 1, 1], 3)
    names = ["cat", "a dog with a name that does not fit"]
    assert [row.get("name") for row in confusion.rows(found, names)] == [*names, None]
    lines = confusion.text(found, names).splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == [
        "0 cat",
        "1 a dog with a name tha...",
        "2",
    ]
    assert lines[5].split() == ["label", "as", "0", "as", "1", "as", "2"]
    assert lines[6].startswith("0 cat  ")
    axes = confusion.figure(found, "title", names).axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == [
            "0 cat",
            "1 a dog with a name tha...",
            "2",
        ]


def test_of_many_classes_the_confused_are_named() -> None:
    names = [f"kind {at}" for at in range(50)]
    text = confusion.text(random(50, 2000), names)
    label, answer, _ = text.splitlines()[-1].split("  ", 2)
    assert int(answer.split()[0]) == (int(label.split()[0]) + 1) % 50
    assert "kind" in label and "kind" in answer

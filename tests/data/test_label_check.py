"""Labels that are no classes: found in each batch before its step, whatever the batch is."""

import numpy as np
import pytest
from mindspore import Tensor
from numpy.typing import NDArray

from trainer.backend.graph.task import label_problem
from trainer.core.errors import BadData
from trainer.data.label_check import checked

GOOD = np.array([0, 2, 1], np.int32)
BAD = np.array([0, 3, 1], np.int32)
NEGATIVE = np.array([-1, 0], np.int32)


def batches(*labels: NDArray[np.int32]) -> list[list[Tensor]]:
    return [[Tensor(np.zeros((len(n), 2), np.float32)), Tensor(n)] for n in labels]


@pytest.mark.parametrize("wrong", [BAD, NEGATIVE])
def test_the_batches_before_are_yielded_and_the_bad_one_is_not(wrong: NDArray[np.int32]) -> None:
    seen = checked(batches(GOOD, GOOD, wrong, GOOD), 3)
    assert len([next(seen), next(seen)]) == 2
    with pytest.raises(BadData, match=r"expected labels of 0 to 2, the model's 3 classes"):
        next(seen)


def test_arrays_are_checked_like_tensors() -> None:
    with pytest.raises(BadData, match=r"received 3 \(first at sample 1 of the batch\)"):
        list(checked([[GOOD, BAD]], 3))


def test_labels_that_are_no_classes_are_not_checked() -> None:
    assert len(list(checked(batches(GOOD, BAD, NEGATIVE), None))) == 3


def test_a_label_for_each_pixel_names_its_sample() -> None:
    pixels = np.zeros((4, 3, 3), np.int32)
    pixels[2, 1, 1] = 7
    assert "received 7 (first at sample 2 of the batch)" in label_problem(pixels, 5)
    assert label_problem(pixels % 5, 5) == ""


def test_an_ignored_label_is_let_through_and_no_other() -> None:
    labels = np.array([0, 255, 2], np.int32)
    assert len(list(checked(batches(labels), 3, 255))) == 1
    with pytest.raises(BadData, match=r"received 3 \(first at sample 1 of the batch\)"):
        list(checked(batches(np.array([255, 3], np.int32)), 3, 255))


def test_many_wrong_labels_are_shortened() -> None:
    assert "received 10, 11, 12, 13, 14, ... (" in label_problem(np.arange(10, 99), 10)

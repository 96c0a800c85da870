"""Labels that can be listed without reading the data, and those that something may change."""

from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest

from trainer.data.labels_in_memory import labels_in_memory, problem

LABELS = np.arange(8) % 3
VALUES = np.zeros((8, 2), np.float32)
ROWS = [(value, np.asarray(label)) for value, label in zip(VALUES, LABELS, strict=True)]


def rows(**options: Any) -> ds.Dataset:
    return ds.GeneratorDataset(ROWS, ["x", "label"], **options)


def same(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "pipeline",
    [
        rows().batch(2),
        rows(shuffle=False).shuffle(4).batch(3, drop_remainder=True),
        rows().map(same, ["x"]).batch(2),
        ds.NumpySlicesDataset((VALUES, LABELS), ["x", "label"]).batch(2),
    ],
)
def test_they_are_listed(pipeline: ds.Dataset) -> None:
    labels = labels_in_memory(pipeline)
    assert labels is not None
    assert (labels == LABELS).all()
    assert problem(labels, 3) == ""
    assert "received 2 (first at sample 2 of the data)" in problem(labels, 2)
    assert problem(labels, 2, ignored=2) == ""


@pytest.mark.parametrize(
    "pipeline",
    [
        rows().map(same, ["label"]).batch(2),
        rows().filter(lambda label: label < 2, ["label"]).batch(2),
        rows().take(2).batch(2),
        rows(num_samples=2).batch(2),
        rows(num_shards=2, shard_id=0).batch(2),
        rows(sampler=ds.SubsetSampler([0, 1])).batch(2),
        rows().batch(2, per_batch_map=lambda x, y, info: (x, y), input_columns=["x", "label"]),
        rows().project(["label", "x"]).batch(2),
        ds.GeneratorDataset(lambda: iter(ROWS), ["x", "label"]).batch(2),
        rows().concat(rows()).batch(2),
    ],
)
def test_they_are_not_known_where_something_may_change_them(pipeline: ds.Dataset) -> None:
    assert labels_in_memory(pipeline) is None
    assert problem(None, 1) == ""


def test_labels_that_are_no_numbers_of_classes_have_no_problem() -> None:
    values = ds.NumpySlicesDataset((VALUES, VALUES - 1), ["x", "label"]).batch(2)
    assert problem(labels_in_memory(values), 3) == ""

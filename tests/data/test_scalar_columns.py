"""Numbers that a pipeline's source yields, which MindSpore refuses with NumPy 2."""

from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest

from trainer.data.pipeline_source import PipelineSource

X = np.ones((6, 2), np.float32)
LABELS: list[Any] = [1, True, np.int64(1), np.float32(1), 1.0, [1, 1], "1", np.asarray(1)]


def pair(label: Any) -> Any:
    return [(x, label) for x in X]


@pytest.mark.parametrize("label", LABELS, ids=lambda label: type(label).__name__)
@pytest.mark.parametrize("workers", [1, 2])
def test_each_kind_of_label_is_taken(label: Any, workers: int) -> None:
    pipeline = ds.GeneratorDataset(pair(label), ["x", "y"], num_parallel_workers=workers)
    _, labels = next(PipelineSource(pipeline.batch(3), seed=0).columns(1))
    assert labels.tolist() == [label.tolist() if hasattr(label, "tolist") else label] * 3


def test_so_are_arrays_of_labels() -> None:
    pipeline = ds.NumpySlicesDataset((X, np.arange(6)), ["x", "y"], shuffle=False).batch(6)
    _, labels = next(PipelineSource(pipeline, seed=0).columns(1))
    assert labels.tolist() == list(range(6))


def test_so_is_a_column_alone() -> None:
    for source in ([1, 2, 3], X):
        pipeline = ds.GeneratorDataset(source, ["x"], shuffle=False)
        assert len(list(PipelineSource(pipeline, seed=0).columns(1))) == len(source)

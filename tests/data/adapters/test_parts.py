"""What `dataset._target_` returns: which of its values is for training, validation and the test."""

import re
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest

from tests.support.hf_dataset import Dataset, DatasetDict
from trainer.core.errors import ConfigError
from trainer.data.adapters.parts import split_parts

IMAGES, LABELS = np.zeros((4, 2)), np.zeros(4, int)
SAMPLES = [(np.zeros(2), 0), (np.ones(2), 1)]
PIPELINE = ds.NumpySlicesDataset(np.zeros((4, 2)), ["image"])
ROWS = Dataset({"image": [0], "label": [0]}, {})


class Indexed:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return np.zeros(2), index


INDEXED = Indexed()


@pytest.mark.parametrize(
    "dataset",
    [
        PIPELINE,
        SAMPLES,
        [[np.zeros(2), 0], [np.ones(2), 1]],
        [{"image": np.zeros(2), "label": 0}],
        (IMAGES, LABELS),
        (IMAGES, [0, 1, 0, 1]),
        ([np.zeros(2), np.ones(2)], [0, 1]),
        (IMAGES, IMAGES, LABELS),
        INDEXED,
        ROWS,
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_dataset_is_one_part_alone_and_two_or_three_together(dataset: Any) -> None:
    assert split_parts(dataset).items() == [("train", dataset)]
    both = split_parts((dataset, dataset))
    assert both.train is dataset and both.validation is dataset and both.test is None
    assert split_parts((dataset, None)).items() == [("train", dataset)]
    assert split_parts((dataset, None, dataset)).test is dataset
    assert split_parts({"train": dataset, "val": dataset}).validation is dataset


def test_a_list_of_pipelines_or_objects_holds_parts() -> None:
    assert split_parts([PIPELINE, None]).items() == [("train", PIPELINE)]
    assert split_parts([INDEXED, INDEXED]).validation is INDEXED


def test_two_tuples_of_arrays_are_train_and_validation() -> None:
    train, validation = (IMAGES, LABELS), (IMAGES[:2], LABELS[:2])
    parts = split_parts((train, validation))
    assert parts.train is train and parts.validation is validation


def test_a_list_of_two_tuples_is_a_list_of_samples() -> None:
    assert split_parts(SAMPLES).validation is None


def test_a_dict_of_datasets_names_its_parts() -> None:
    parts = split_parts(DatasetDict(test=ROWS, train=ROWS))
    assert [name for name, _ in parts.items()] == ["train", "test"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"training": SAMPLES}, "received training (nearest: train)"),
        ({"test": SAMPLES}, "received test"),
        ({"train": SAMPLES, "val": SAMPLES, "valid": SAMPLES}, "expected one validation part"),
        (IMAGES, "received ndarray of shape (4, 2)"),
        ((IMAGES, 3), "received (ndarray of shape (4, 2), int)"),
        ((None, SAMPLES), "expected a dataset, (train, validation)"),
        ((SAMPLES, SAMPLES, SAMPLES, SAMPLES), "expected a dataset, (train, validation)"),
        ((SAMPLES, 7), "received (list of (ndarray of shape (2,), int), int)"),
        ([], "received empty list"),
        (7, "received int"),
        (iter(SAMPLES), "an iterator has no __len__ and is read only once: return list(...)"),
        ("data", "received str"),
    ],
)
def test_anything_else_is_described(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        split_parts(value)


def test_a_data_loader_of_batches_is_refused_with_the_remedy() -> None:
    class DataLoader:
        def __iter__(self) -> Any: ...

        def __len__(self) -> int:
            return 4

    with pytest.raises(ConfigError, match="return the dataset of the DataLoader"):
        split_parts((DataLoader(), DataLoader()))

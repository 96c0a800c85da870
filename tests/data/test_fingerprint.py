"""The hash of the data: of first batches, and of arrays in memory."""

from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore import Tensor

from trainer.data import fingerprint
from trainer.data.fingerprint import Fingerprint
from trainer.datasets.digits import digits

VALUES = np.arange(80, dtype=np.float32).reshape(20, 4)
LABELS = np.arange(20) % 3
HASH = "d20c591dff1d4b132d467d5a1dc0e39d"  # of both, by an older version


class Rows:
    def __init__(self, values: Any) -> None:
        self.values, self.position = values, 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        self.position = index
        return (self.values[index],)


def pairs(values: Any) -> ds.Dataset:
    rows = [(value, np.asarray(label)) for value, label in zip(values, LABELS, strict=True)]
    return ds.GeneratorDataset(rows, ["x", "y"])


def slices(values: Any) -> ds.Dataset:
    return ds.NumpySlicesDataset((values,), ["x"])


def rows(values: Any) -> ds.Dataset:
    return ds.GeneratorDataset(Rows(values), ["x"])


@pytest.mark.parametrize("make", [pairs, slices, rows])
def test_each_value_of_a_source_in_memory_counts(make: Any) -> None:
    before = fingerprint.of_sources([make(VALUES).batch(4), None])
    assert before == fingerprint.of_sources([make(VALUES.copy()).map(np.negative, ["x"]), None])
    for place in (0, 41, 79):
        other = VALUES.copy()
        other.flat[place] += 1
        assert fingerprint.of_sources([make(other).batch(4)]) != before


def test_the_shipped_data_have_one() -> None:
    hashes = {
        fingerprint.of_sources(digits(batch_size=size, classes=[0, 1], num_classes=2))
        for size in (8, 16)
    }
    assert len(hashes) == 1 and "" not in hashes


def test_a_source_without_arrays_has_none() -> None:
    assert fingerprint.of_sources([ds.GeneratorDataset(Rows(range(3)), ["x"])]) == ""


def test_what_is_written_is_read() -> None:
    for value in (Fingerprint(), Fingerprint("a"), Fingerprint("a", "b"), Fingerprint("", "b")):
        assert Fingerprint.parse(str(value)) == value
    assert Fingerprint.parse("a").first == "a", "as a checkpoint of an older version has it"


def test_the_hash_of_batches_is_that_of_older_versions() -> None:
    batch = [Tensor(VALUES), Tensor(np.asarray(LABELS, np.int32))]
    assert fingerprint.of_batches([batch, None]) == HASH

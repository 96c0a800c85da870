"""Which features are read and which computed, with a stand-in for the model's graph."""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.core.errors import CannotWrite, ConfigError
from trainer.feature_cache import feature_columns
from trainer.feature_cache.feature_columns import column_specs
from trainer.feature_cache.features import Features
from trainer.feature_cache.segment_files import Column
from trainer.feature_cache.store import FeatureStore

COLUMNS = [Column((2,), "float32")]


class Doubling(Features):
    """Features that are twice the inputs; records the sizes of the batches computed."""

    def __init__(self, folder: Path, exact: bool = True, needs_inputs: bool = False) -> None:
        cacheable: Any = SimpleNamespace(
            needs_inputs=needs_inputs, feature_specs=lambda: [((1, 2), ms.float32)]
        )
        model: Any = None
        super().__init__(model, cacheable, FeatureStore(folder, COLUMNS, 1e9, 1e9), exact)
        self.sizes: list[tuple[int, int]] = []
        self.factor = 2.0

    def _compute(self, inputs: Sequence[Any], full_size: int) -> list[NDArray[Any]]:
        self.sizes.append((len(inputs[0]), full_size))
        return [(self.factor * np.stack([inputs[0], inputs[0]], axis=1)).astype(np.float32)]


def batch(*samples: float) -> list[NDArray[Any]]:
    return [np.array(samples), np.array([10 * sample for sample in samples])]


DATA = [batch(1, 2, 3), batch(4, 5, 6), batch(7, 8)]


def test_features_are_computed_once_and_then_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    doubling = Doubling(tmp_path / "key")
    for epoch in (1, 2):
        for (feature, label), (inputs, expected) in zip(doubling.batches(DATA), DATA, strict=True):
            np.testing.assert_array_equal(feature[:, 1], 2 * inputs)
            np.testing.assert_array_equal(label, expected)
        with caplog.at_level(logging.INFO):
            doubling.log_counts(epoch)
    assert doubling.sizes == [(3, 3), (3, 3), (2, 3)]
    assert caplog.messages == [
        "features, epoch 1: 0 read, 8 computed",
        "features, epoch 2: 8 read, 0 computed",
    ]


def test_a_batch_of_which_one_sample_is_new_is_computed_whole(tmp_path: Path) -> None:
    doubling = Doubling(tmp_path / "key")
    list(doubling.batches([batch(1, 2, 3), batch(1, 2, 9)]))
    assert (doubling.counts.read, doubling.counts.computed) == (2, 4)
    assert doubling.sizes == [(3, 3), (3, 3)]


def test_inputs_stand_between_features_and_label_where_the_model_needs_them(
    tmp_path: Path,
) -> None:
    (columns,) = Doubling(tmp_path / "key", needs_inputs=True).batches([batch(1, 2)])
    assert [column.tolist() for column in columns[1:]] == [[1, 2], [10, 20]]


@pytest.mark.parametrize(
    ("factor", "exact", "kept"),
    [(2.0, True, True), (2.0001, True, False), (2 + 1e-6, False, True), (2.1, False, False)],
)
def test_features_of_another_run_are_compared_once(
    factor: float, exact: bool, kept: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Doubling(tmp_path / "key")
    list(first.batches(DATA))
    first.flush()
    second = Doubling(tmp_path / "key", exact)
    second.factor = factor
    list(second.batches(DATA))
    assert second.sizes == ([(3, 3)] if kept else [(3, 3), (3, 3), (3, 3), (2, 3)])
    assert second.counts.read == (8 if kept else 0)
    assert ("differ from those that the model computes" in caplog.text) is not kept


def test_added_samples_are_stored_and_read_by_their_digests(tmp_path: Path) -> None:
    doubling = Doubling(tmp_path / "key")
    digests = doubling.add(batch(3, 4)[:-1], full_size=5)
    assert doubling.sizes == [(2, 5)]
    (rows,) = doubling.read(digests[::-1])
    assert rows.tolist() == [[8, 8], [6, 6]]
    assert doubling.counts.read == 2


def test_views_need_room(tmp_path: Path) -> None:
    doubling = Doubling(tmp_path / "key")
    doubling._store = FeatureStore(tmp_path / "none", COLUMNS, memory=-1, limit=0)
    with pytest.raises(CannotWrite, match="expected room for features in .*none, found none"):
        doubling.add(batch(3, 4)[:-1], full_size=2)


def test_a_smaller_batch_is_padded_by_its_last_sample() -> None:
    column = np.array([[1, 2], [3, 4]])
    assert feature_columns.pad(column, 4).tolist() == [[1, 2], [3, 4], [3, 4], [3, 4]]
    assert feature_columns.pad(column, 2) is column


@pytest.mark.parametrize(("value", "fits"), [(65504.0, True), (-70000.0, False), (np.inf, True)])
def test_values_are_halved_if_they_fit(value: float, fits: bool) -> None:
    column = np.array([[1.5, value]], np.float32)
    if fits:
        assert feature_columns.cast(column, "float16").tolist() == [[1.5, value]]
    else:
        with pytest.raises(ConfigError, match=r"below 65504, received 7e\+04"):
            feature_columns.cast(column, "float16")
    assert feature_columns.cast(column, "float32") is column


@pytest.mark.parametrize(
    ("dtype", "stored", "wanted"),
    [
        (ms.float32, "float32", "float32"),
        (ms.float32, "float16", "float16"),
        (ms.float64, "float16", "float16"),
        (ms.int32, "float16", "int32"),
        (ms.float64, "float32", "float64"),
    ],
)
def test_only_floating_point_numbers_are_halved(dtype: Any, stored: str, wanted: str) -> None:
    cacheable: Any = SimpleNamespace(feature_specs=lambda: [((9, 2, 3), dtype)])
    assert column_specs(cacheable, stored) == [Column((2, 3), wanted)]

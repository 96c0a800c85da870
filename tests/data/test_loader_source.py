from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from trainer.core.errors import BadData
from trainer.data.batch_source import steps_per_epoch
from trainer.data.loader_source import LoaderSource
from trainer.data.mixing import Mixing
from trainer.data.sample_reader import SampleReader
from trainer.distributed.world import World


class Numbers:
    """Samples whose image is their index; some of them cannot be read."""

    classes = ("even", "odd")

    def __init__(self, count: int = 18, bad: Sequence[int] = ()) -> None:
        self.labels = np.arange(count) % 2
        self.files = [f"{index}.jpg" for index in range(count)]
        self._bad = bad

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float64], int]:
        if index in self._bad:
            raise OSError("truncated")
        return np.full(2, index, np.float64), int(self.labels[index])


class Noise:
    """Adds noise to images for training, and mixes them by halves."""

    shape: tuple[int, ...] = (2,)
    dtype: DTypeLike = np.float32
    mixes = True

    def train(self, image: Any, random: np.random.Generator, out: NDArray[Any]) -> None:
        out[:] = image + random.random()

    def evaluate(self, image: Any, out: NDArray[Any]) -> None:
        out[:] = image

    def mix(self, images: Any, labels: Any, random: np.random.Generator) -> tuple[Any, Any]:
        return (images + images[::-1]) / 2, (labels + labels[::-1]) / 2


def source(dataset: Any = None, **options: Any) -> LoaderSource:
    values: dict[str, Any] = {"batch_size": 4, "seed": 3, "order": "shuffle", "drop_last": True}
    values |= options
    transform = values.pop("transform", None)
    reader = SampleReader(dataset or Numbers(), transform, augments=transform is not None)
    return LoaderSource(reader, **values)


def bits(batches: Any) -> list[list[bytes]]:
    return [[column.tobytes() for column in batch] for batch in batches]


def test_batches_are_float32_images_and_int32_labels() -> None:
    images, labels = next(source().columns(1))
    assert (images.dtype.name, labels.dtype.name) == ("float32", "int32")
    assert (images[:, 0] % 2 == labels).all()
    tensors = next(source().batches(1))
    assert [tensor.asnumpy().tolist() for tensor in tensors] == [images.tolist(), labels.tolist()]


def test_an_epoch_that_is_resumed_has_the_rest_of_its_batches() -> None:
    noisy = source(transform=Noise(), mixing=Mixing(Noise(), 2))
    assert bits(noisy.columns(2, 2)) == bits(noisy.columns(2))[2:]
    assert bits(noisy.columns(2)) != bits(noisy.columns(1))


def test_ranks_share_each_batch() -> None:
    noisy = source(transform=Noise())
    parts = [noisy.columns(1, world=World(rank, 2)) for rank in (0, 1)]
    for whole, *shares in zip(noisy.columns(1), *parts, strict=True):
        joined = [np.concatenate(columns) for columns in zip(*shares, strict=True)]
        assert bits([joined]) == bits([whole])


def test_images_are_mixed_in_epochs_alone() -> None:
    mixed = source(transform=Noise(), mixing=Mixing(Noise(), 2))
    assert next(mixed.columns(0))[1].dtype == np.int32
    shares = next(mixed.columns(1))[1]
    assert shares.shape == (4, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_mixing_needs_labels_that_are_classes() -> None:
    mixed = source(mixing=Mixing(Noise(), 1))
    with pytest.raises(BadData, match="expected labels of 0 to 0, received 1"):
        list(mixed.columns(1))


def test_ranks_take_turns_at_whole_batches() -> None:
    ordered = source(order="sequential", drop_last=False)
    whole = list(ordered.columns(0))
    parts = [list(ordered.dealt_columns(World(rank, 2))) for rank in (0, 1)]
    for number, batch in enumerate(whole):
        own, other = parts[number % 2][number], parts[1 - number % 2][number]
        assert other is None
        assert own is not None
        assert bits([own]) == bits([batch])


def test_sizes_and_limits() -> None:
    kept = source(drop_last=False)
    assert (source().batch_count, source().last_batch_size) == (4, 4)
    assert (kept.batch_count, kept.last_batch_size) == (5, 2)
    assert (kept.limited(3).batch_count, kept.limited(3).last_batch_size) == (3, 4)
    assert kept.limited(3).unlimited() == kept
    assert bits(kept.limited(3).columns(1)) == bits(kept.columns(1))[:3]
    assert [steps_per_epoch(kept, ranks) for ranks in (2, 3)] == [5, 4]


def test_a_balanced_order_needs_the_labels() -> None:
    labels = np.concatenate([batch[1] for batch in source(order="balanced").columns(1)])
    assert abs(int(labels.sum()) - 8) <= 1
    assert source().labels().tolist() == [0, 1] * 9  # type: ignore[union-attr]
    assert source().class_names == ("even", "odd")


def test_a_sample_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BadData, match=r"^dataset: 5\.jpg: truncated$"):
        list(source(Numbers(bad=[5])).columns(1))


def test_the_first_sample_may_be_one_that_is_skipped() -> None:
    dataset = Numbers(bad=[0, 1])
    reader = SampleReader(dataset, skip_errors=True)
    skipping = LoaderSource(reader, batch_size=18, seed=3, skip_errors=True)
    assert [batch[0][:, 0].tolist() for batch in skipping.columns(1)] == [list(range(2, 18))]
    with pytest.raises(BadData, match="dataset: 0.jpg: truncated"):
        list(LoaderSource(SampleReader(dataset), batch_size=18, seed=3).columns(1))


def test_a_batch_without_a_readable_sample_is_left_out_of_a_measurement() -> None:
    options = {"skip_errors": True, "order": "sequential", "drop_last": False}
    last = source(Numbers(bad=[16, 17]), **options)  # the whole last batch
    assert [len(batch[-1]) for batch in last.columns(0)] == [4, 4, 4, 4]
    assert set(last.skipped) == {16, 17}
    reader = SampleReader(Numbers(count=1))
    none = LoaderSource(replace(reader, dataset=Numbers(2, bad=[0, 1])), 2, 0, skip_errors=True)
    none.reader.__dict__["examples"] = reader.examples
    with pytest.raises(BadData, match="no sample can be read: 0.jpg: truncated"):
        next(none.columns(0))


def test_samples_that_cannot_be_read_are_skipped_and_counted() -> None:
    skipping = source(Numbers(bad=[5, 9]), skip_errors=True)
    batches = list(skipping.columns(1))
    assert {len(batch[1]) for batch in batches} == {4}
    assert set(skipping.skipped) <= {5, 9}
    ordered = source(Numbers(bad=[5, 9]), skip_errors=True, order="sequential", drop_last=False)
    assert [len(batch[1]) for batch in ordered.columns(0)] == [4, 3, 3, 4, 2]
    assert ordered.skipped == {5: "5.jpg: truncated", 9: "9.jpg: truncated"}


def test_images_of_several_shapes_need_a_transform() -> None:
    data = [(np.zeros(2), 0), (np.zeros(3), 1)]
    with pytest.raises(BadData, match=r"\(2,\) as sample 0 has, received \(3,\); a transform"):
        list(source(data, batch_size=2).columns(1))
    with pytest.raises(BadData, match="sample 0: expected an array, received str"):
        list(source([("a", 0)] * 4).columns(1))


def test_a_sample_has_inputs_and_a_label() -> None:
    first, second, labels = next(source([(np.zeros(2), np.ones(3), 1.5)] * 4).columns(1))
    assert (first.shape, second.shape, labels.dtype.name) == ((4, 2), (4, 3), "float32")
    with pytest.raises(BadData, match=r"expected \(image, label\), received int"):
        list(source([1, 2, 3, 4]).columns(1))

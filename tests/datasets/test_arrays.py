import mindspore.dataset as ds
import numpy as np
import pytest

from trainer.datasets.arrays import pipeline, pipelines

LABELS = np.arange(10, dtype=np.int32)
IMAGES = np.ones((10, 1, 2, 2), np.float32) * LABELS[:, None, None, None].astype(np.float32)


def make(batch_size: int = 2, shuffle: bool = True, drop_remainder: bool = True) -> ds.Dataset:
    return pipeline(IMAGES, LABELS, batch_size, shuffle, drop_remainder)


def labels(iterator: ds.Dataset) -> list[int]:
    return [label for _, batch in iterator for label in batch.asnumpy().tolist()]


def order(data: ds.Dataset, seed: int) -> list[int]:
    ds.config.set_seed(seed)
    return labels(data.create_tuple_iterator(num_epochs=1))


def test_columns_shapes_and_types() -> None:
    data = make(batch_size=4)
    image, label = next(data.create_tuple_iterator(num_epochs=1, output_numpy=True))
    assert data.get_col_names() == ["image", "label"]
    assert (image.shape, image.dtype) == ((4, 1, 2, 2), np.float32)
    assert (label.shape, label.dtype) == ((4,), np.int32)


def test_images_keep_their_labels() -> None:
    for image, label in make().create_tuple_iterator(num_epochs=1, output_numpy=True):
        assert (image == label[:, None, None, None]).all()


def test_an_epoch_has_every_image_once() -> None:
    assert sorted(order(make(), 0)) == LABELS.tolist()


def test_without_shuffle_the_arrays_order_stays() -> None:
    assert order(make(shuffle=False), 7) == LABELS.tolist()


def test_the_same_seed_gives_the_same_order() -> None:
    data = make()
    assert order(data, 1000) == order(data, 1000) == order(make(), 1000)


def test_another_seed_gives_another_order() -> None:
    data = make()
    assert len({tuple(order(data, seed)) for seed in range(20)}) == 20


def test_the_seed_counts_that_was_set_when_the_iterator_was_created() -> None:
    data = make()
    expected = order(data, 1)
    for _ in range(20):
        ds.config.set_seed(1)
        iterator = data.create_tuple_iterator(num_epochs=1)
        ds.config.set_seed(2)
        assert labels(iterator) == expected


def test_two_iterators_at_once_do_not_disturb_each_other() -> None:
    data = make()
    expected = order(data, 1), order(data, 2)
    ds.config.set_seed(1)
    first = data.create_tuple_iterator(num_epochs=1)
    ds.config.set_seed(2)
    second = data.create_tuple_iterator(num_epochs=1)
    assert (labels(first), labels(second)) == expected


def test_further_epochs_of_one_iterator_are_shuffled_anew() -> None:
    ds.config.set_seed(1)
    iterator = make().create_tuple_iterator(num_epochs=2)
    first, second = labels(iterator), labels(iterator)
    assert sorted(first) == sorted(second)
    assert first != second


def test_an_iterator_left_half_way_changes_nothing() -> None:
    data = make()
    expected = order(data, 5)
    ds.config.set_seed(5)
    next(data.create_tuple_iterator(num_epochs=1))
    assert order(data, 5) == expected


@pytest.mark.parametrize(
    ("batch_size", "drop_remainder", "sizes"),
    [
        (3, True, [3, 3, 3]),
        (3, False, [3, 3, 3, 1]),
        (5, True, [5, 5]),
        (5, False, [5, 5]),
        (10, True, [10]),
        (12, False, [10]),
    ],
)
def test_remainder(batch_size: int, drop_remainder: bool, sizes: list[int]) -> None:
    data = make(batch_size, drop_remainder=drop_remainder)
    assert [len(label) for _, label in data.create_tuple_iterator(num_epochs=1)] == sizes
    assert data.get_dataset_size() == len(sizes)
    assert data.get_batch_size() == batch_size


def test_training_drops_the_remainder_and_validation_keeps_it() -> None:
    train, validation = pipelines((IMAGES, LABELS), (IMAGES, LABELS), 4)
    assert len(order(train, 0)) == 8
    assert order(validation, 0) == LABELS.tolist()


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (11, "batch_size: expected at most 10, the number of training images, received 11"),
        (0, "batch_size: expected at least 1, received 0"),
        (-3, "batch_size: expected at least 1, received -3"),
    ],
)
def test_batch_size_out_of_range(batch_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        pipelines((IMAGES, LABELS), (IMAGES, LABELS), batch_size)


def test_images_without_labels() -> None:
    with pytest.raises(ValueError, match="^expected 10 labels, one per image, received 9$"):
        pipeline(IMAGES, LABELS[:9], 2, shuffle=False, drop_remainder=False)


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_that_are_read_directly_are_those_of_the_pipeline(shuffle: bool) -> None:
    images, labels = np.arange(40.0).reshape(10, 4), np.arange(10)
    batches = pipeline(images, labels, 4, shuffle=shuffle, drop_remainder=False)
    for seed in (3, 4):
        ds.config.set_seed(seed)
        iterator = batches.create_tuple_iterator(num_epochs=1, output_numpy=True)
        expected = [[column.tobytes() for column in batch] for batch in iterator]
        direct = [[c.tobytes() for c in batch] for batch in batches.read_batches(seed)]
        assert direct == expected

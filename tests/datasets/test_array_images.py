"""Grey images in memory as pixels that a transform prepares."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from trainer.config import overrides, schema
from trainer.core.errors import ConfigError
from trainer.data.build_sources import build_sources
from trainer.data.loader_source import LoaderSource
from trainer.datasets.array_images import ArrayImages
from trainer.datasets.arrays import pipelines
from trainer.datasets.digits import MEAN, SPLIT_SEED, STD, digits


def test_pixels_are_those_before_the_normalisation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 1, 5, 4)).astype(np.uint8)
    images = ((pixels / 255 - 0.3) / 0.25).astype(np.float32)
    dataset = ArrayImages(images, np.arange(6), 0.3, 0.25)
    assert len(dataset) == 6
    for index in range(6):
        image, label = dataset[index]
        np.testing.assert_array_equal(image, pixels[index, 0])
        assert label == index


def test_digits_are_white_where_they_are_16() -> None:
    train, _ = digits(32, range(10), 10)
    images = train.as_images()
    brightest = max(int(images[index][0].max()) for index in range(50))
    assert (brightest, int(images[0][0].min())) == (255, 0)
    assert (SPLIT_SEED, load_digits().images.max()) == (0, 16)
    assert images.mean == pytest.approx(MEAN / 16)
    assert images.std == pytest.approx(STD / 16)


def test_arrays_without_a_scale_are_no_images() -> None:
    arrays = np.ones((4, 1, 2, 2), np.float32), np.zeros(4, np.int32)
    assert [part.as_images() for part in pipelines(arrays, arrays, 2)] == [None, None]


def sources(*lines: str) -> object:
    config, problems = overrides.check(lines)
    settings, wrong = schema.read(config, problems)
    assert not [*problems, *wrong]
    return build_sources(settings).train


def test_a_transform_prepares_them_and_the_loader_reads_them() -> None:
    train = sources("transform=light", "transform.image_resize=24", "+dataset.sampler=balanced")
    assert isinstance(train, LoaderSource)
    images, labels = next(iter(train.columns(1)))
    assert images.shape == (32, 3, 24, 24)
    assert images.dtype == np.float32
    assert set(labels.tolist()) <= set(range(5))


def test_without_a_transform_the_keys_of_the_loader_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"dataset\.sampler: expected none"):
        sources("+dataset.sampler=balanced")

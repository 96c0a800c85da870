import numpy as np

from tests.support.images import Photo
from trainer.datasets.images.transforms.normalise import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    denormalise,
    normalise,
)


def test_normalise(photo: Photo) -> None:
    expected = (photo / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    result = normalise(photo)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected.transpose(2, 0, 1), atol=2e-6)


def test_into_an_array(photo: Photo) -> None:
    batch = np.zeros((2, 3, *photo.shape[:2]), np.float32)
    result = normalise(photo[:, ::-1], (0, 0, 0), (1, 1, 1), batch[1])
    assert result.base is batch
    np.testing.assert_allclose(batch[1, :, :, ::-1], photo.transpose(2, 0, 1) / 255, atol=1e-6)
    assert not batch[0].any()


def test_denormalise_returns_the_pixels(photo: Photo) -> None:
    np.testing.assert_array_equal(denormalise(normalise(photo)), photo)

import numpy as np
import pytest
from PIL import Image

from tests.support.images import Photo
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.transforms.resize import (
    INTERPOLATIONS,
    centre_crop,
    resize,
    resize_shorter_side,
)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_is_pillows(photo: Photo, interpolation: str) -> None:
    box = (10.5, 20.25, 300.0, 411.0)
    resized = resize(photo, (50, 70), interpolation, box)
    expected = Image.fromarray(photo).resize((70, 50), INTERPOLATIONS[interpolation], box)
    np.testing.assert_array_equal(resized, expected)


def test_shrinking_smooths() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert set(np.unique(resize(stripes, (8, 8)))) <= set(range(95, 106))


def test_unknown_interpolation(photo: Photo) -> None:
    with pytest.raises(
        DataError, match="interpolation: expected nearest, box, .* received 'cubic'"
    ):
        resize(photo, (5, 5), "cubic")


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((427, 640), 256, (256, 383)), ((640, 427), 256, (383, 256)), ((5, 5), 9, (9, 9))],
)
def test_shorter_side(shape: tuple[int, int], size: int, expected: tuple[int, int]) -> None:
    assert resize_shorter_side(np.zeros((*shape, 3), np.uint8), size).shape == (*expected, 3)


@pytest.mark.parametrize(
    ("length", "first"), [(10, 0), (11, 0), (12, 1), (13, 2), (14, 2), (15, 2), (17, 4)]
)
def test_centre_crop_rounds_half_to_even(length: int, first: int) -> None:
    image = np.arange(length, dtype=np.uint8)[:, None, None].repeat(20, 1).repeat(3, 2)
    assert centre_crop(image, 10)[0, 0, 0] == first


def test_centre_crop_of_a_small_image_is_padded() -> None:
    cropped = centre_crop(np.ones((3, 7, 3), np.uint8), 6)
    assert cropped.shape == (6, 6, 3)
    assert cropped[..., 0].sum(axis=1).tolist() == [0, 6, 6, 6, 0, 0]

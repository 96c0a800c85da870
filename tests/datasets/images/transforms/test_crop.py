import io

import numpy as np
from PIL import Image

from tests.support.images import Photo
from trainer.data.sampling import sample_generator
from trainer.datasets.images.decode import EncodedImage
from trainer.datasets.images.transforms.crop import random_box, random_flip, random_resized_crop

RATIO = (3 / 4, 4 / 3)


def test_boxes_are_in_their_ranges() -> None:
    areas, aspects = [], []
    for index in range(500):
        box = random_box(375, 500, sample_generator(0, 0, index), (0.08, 1.0), RATIO)
        left, top, right, bottom = box
        assert 0 <= left < right <= 500
        assert 0 <= top < bottom <= 375
        areas.append((right - left) * (bottom - top) / (375 * 500))
        aspects.append((right - left) / (bottom - top))
    assert 0.079 < min(areas) < 0.1
    assert max(areas) > 0.9
    assert 0.74 < min(aspects) < 0.78
    assert 1.28 < max(aspects) < 1.35


def test_a_box_that_cannot_fit_is_in_the_middle() -> None:
    for height, width, expected in ((10, 100, (43, 0, 56, 10)), (100, 10, (0, 43, 10, 56))):
        box = random_box(height, width, np.random.default_rng(0), (1.0, 1.0), RATIO)
        assert box == expected


def test_a_crop_of_pixels_is_that_of_the_file(photo: Photo) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    encoded = EncodedImage(buffer.getvalue())
    crops = [random_resized_crop(x, sample_generator(0, 0, 0), 32) for x in (encoded, photo)]
    assert crops[0].shape == (32, 32, 3)
    np.testing.assert_array_equal(*crops)


def test_flips(photo: Photo) -> None:
    for index in range(20):
        both = random_flip(photo, sample_generator(0, 0, index), 1.0, 1.0)
        np.testing.assert_array_equal(both, photo[::-1, ::-1])
        assert random_flip(photo, sample_generator(0, 0, index), 0.0, 0.0) is photo
    flipped = [
        random_flip(photo, sample_generator(0, 0, index), 0.3) is not photo for index in range(1000)
    ]
    assert 0.25 < np.mean(flipped) < 0.35

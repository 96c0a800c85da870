from typing import Any

import numpy as np

from tests.support.images import Photo
from trainer.data.sampling import sample_generator
from trainer.datasets.images.transforms.normalise import normalise
from trainer.datasets.images.transforms.training import TrainingTransform

STRONG: dict[str, Any] = {"auto_augment": "randaug-m9-n2", "re_prob": 0.25, "vflip": 0.5}


def test_pixels_are_normalised_and_erased(photo: Photo) -> None:
    transform = TrainingTransform(48, **(STRONG | {"re_prob": 1.0}))
    pixels = transform.pixels(photo, sample_generator(0, 0, 0))
    image = transform(photo, sample_generator(0, 0, 0))
    erased = (image == 0).all(axis=0)
    assert 0.02 < erased.mean() < 0.34
    np.testing.assert_array_equal(image[:, ~erased], normalise(pixels)[:, ~erased])


def test_into_an_array(photo: Photo) -> None:
    transform = TrainingTransform(32, **STRONG)
    out = np.zeros((3, 32, 32), np.float32)
    assert transform(photo, sample_generator(0, 0, 1), out) is out
    np.testing.assert_array_equal(out, transform(photo, sample_generator(0, 0, 1)))


def test_colour_jitter_gives_way_to_augmentation(photo: Photo) -> None:
    plain, jitter = (TrainingTransform(32, color_jitter=c) for c in (None, (0.4, 0.4, 0.4)))
    both, alone = (
        TrainingTransform(32, color_jitter=c, auto_augment="autoaug") for c in ((0.4,) * 3, None)
    )
    results = [t(photo, sample_generator(0, 0, 2)).tobytes() for t in (plain, jitter, both, alone)]
    assert results[2] == results[3]
    assert len(set(results)) == 3

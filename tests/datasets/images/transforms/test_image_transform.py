from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.images import Photo
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.transforms.image_transform import as_image, image_transform

PLAIN: dict[str, Any] = {"image_resize": 32, "scale": None, "hflip": 0.0}


def prepared(photo: Photo, train: bool, **settings: Any) -> Any:
    transform = image_transform(**settings)
    out = np.empty(transform.shape, transform.dtype)
    if train:
        transform.train(photo, np.random.default_rng(0), out)
    else:
        transform.evaluate(photo, out)
    return out


def test_without_anything_random_training_is_prepared_as_evaluation(photo: Photo) -> None:
    plain = image_transform(**PLAIN)
    assert (plain.shape, plain.augments, plain.mixes) == ((3, 32, 32), False, False)
    one, other = (prepared(photo, train, **PLAIN) for train in (True, False))
    np.testing.assert_array_equal(one, other)
    mirrored = prepared(photo, True, **{**PLAIN, "hflip": 1.0})
    np.testing.assert_array_equal(mirrored, one[:, :, ::-1])


@pytest.mark.parametrize(
    ("settings", "augments", "mixes"),
    [
        ({}, True, False),
        ({**PLAIN, "re_prob": 0.1}, True, False),
        ({**PLAIN, "color_jitter": 0.4}, True, False),
        ({**PLAIN, "auto_augment": "augmix"}, True, False),
        ({**PLAIN, "cutmix": 1.0}, True, True),
    ],
)
def test_what_is_random_is_known(settings: Any, augments: bool, mixes: bool) -> None:
    transform = image_transform(**settings)
    assert (transform.augments, transform.mixes) == (augments, mixes)


def test_kinds_of_images(photo: Photo) -> None:
    pixels = as_image(Image.fromarray(photo))
    np.testing.assert_array_equal(pixels, photo)
    grey = photo[..., 0]
    for array in (grey, grey[..., None]):
        np.testing.assert_array_equal(as_image(array), np.repeat(grey[..., None], 3, axis=2))
    for wrong in (photo / 255, photo.transpose(2, 0, 1), np.zeros(3, np.uint8), None):
        with pytest.raises(DataError, match="transform: expected an image"):
            as_image(wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": [0.5, 0.2]}, "scale: expected two numbers above 0, at most 1"),
        ({"scale": [0, 1]}, "scale: expected two numbers above 0"),
        ({"ratio": [1]}, "ratio: expected two numbers above 0"),
        ({"hflip": 2}, "hflip: expected 0 to 1, received 2"),
        ({"std": [0.1, 0.2, 0]}, "std: expected three numbers above 0"),
        ({"mean": [0.5]}, "mean: expected three numbers"),
        ({"image_resize": 0}, "image_resize: expected at least 1"),
        ({"crop_pct": 1.5}, "crop_pct: expected above 0, at most 1, received 1.5"),
        ({"mixup": -1}, "mixup: expected at least 0"),
        ({"cutmix": float("nan")}, "cutmix: expected a number"),
        ({"cutmix_prob": 2}, "cutmix_prob: expected 0 to 1"),
        ({"auto_augment": "best"}, "auto_augment: expected randaug"),
        ({"auto_augment": "rand-m9"}, "auto_augment: expected randaug"),
        ({"interpolation": "linear"}, "interpolation: expected nearest"),
        ({"scale": [0.5, 0.2], "mixup": -1}, "scale: expected .*; mixup: expected"),
        ({"mean": 0.5}, "mean: expected a list of numbers, received 0.5"),
        (
            {"color_jitter": [1, 2]},
            "color_jitter: expected null, a number of at least 0, or a list",
        ),
        ({"image_resize": 32.5, "hflip": "x"}, "image_resize: .* received 32.5; hflip: .* 'x'"),
    ],
)
def test_settings_out_of_range(settings: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_transform(**settings)

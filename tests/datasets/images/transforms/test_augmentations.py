"""What all random changes of an image's pixels have in common."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.images import Photo
from trainer.data.sampling import sample_generator
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.transforms.auto_augment import aug_mix
from trainer.datasets.images.transforms.color_jitter import color_jitter
from trainer.datasets.images.transforms.rand_augment import RandAugment, parse_rand_augment
from trainer.datasets.images.transforms.training import parse_auto_augment

Augment = Callable[[Photo, np.random.Generator], Photo]

NAMES = ["autoaug", "trivialaugwide", "augmix", "randaug-m9-n2", "randaug-m9-n2-inc1"]
AUGMENTATIONS: dict[str, Augment] = {name: parse_auto_augment(name) for name in NAMES}
AUGMENTATIONS["colour"] = lambda image, random: color_jitter(image, random, (0.4, 0.4, 0.4, 0.1))


@pytest.fixture(scope="module")
def image(photo: Photo) -> Photo:
    return np.ascontiguousarray(photo[100:164, 200:280])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_generator_decides(image: Photo, name: str) -> None:
    augment = AUGMENTATIONS[name]
    before = image.copy()
    results = [augment(image, sample_generator(0, 0, index)) for index in range(40)]
    again = [augment(image, sample_generator(0, 0, index)) for index in range(40)]
    assert [r.tobytes() for r in results] == [r.tobytes() for r in again]
    np.testing.assert_array_equal(image, before)
    assert {(r.shape, r.dtype.name) for r in results} == {((64, 80, 3), "uint8")}
    assert len({r.tobytes() for r in results}) > 15


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_views_are_taken(image: Photo, name: str) -> None:
    view = image[:, ::-1]
    for index in range(10):
        first, second = (
            AUGMENTATIONS[name](x, sample_generator(0, 0, index)) for x in (view, view.copy())
        )
        np.testing.assert_array_equal(first, second)


def test_colour_jitter_of_no_strength(image: Photo) -> None:
    np.testing.assert_array_equal(color_jitter(image, np.random.default_rng(0), (0, 0, 0)), image)


def test_colour_jitter_changes_the_brightness(image: Photo) -> None:
    means = [color_jitter(image, sample_generator(0, 0, i), (0.5, 0, 0)).mean() for i in range(200)]
    assert 0.5 <= min(means) / image.mean() < 0.56
    assert 1.3 < max(means) / image.mean() <= 1.5


def test_augmix_stays_near_the_image(image: Photo) -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)  # no operation but solarize changes it
    results = [aug_mix(grey, sample_generator(0, 0, i)) for i in range(50)]
    assert np.mean([np.abs(r.astype(int) - 128).mean() for r in results]) < 15


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("randaug", RandAugment(10, 2, 0.5, False)),
        ("randaug-m9-n2", RandAugment(9, 2, 0.5, False)),
        ("randaug-m7-n3-mstd0-inc1", RandAugment(7, 3, 0.0, True)),
        ("randaug-mstd101", RandAugment(10, 2, float("inf"), False)),
    ],
)
def test_rand_augment_in_words(text: str, expected: RandAugment) -> None:
    assert parse_rand_augment(text) == expected


@pytest.mark.parametrize(
    "text", ["randaug-x3", "randaug-m", "randaugm9", "randaug-m11", "randaug-inc2"]
)
def test_wrong_words(text: str) -> None:
    with pytest.raises(DataError, match=f"auto_augment: expected .* received '{text}'"):
        parse_auto_augment(text)


def test_unknown_augmentation() -> None:
    with pytest.raises(
        DataError, match="expected randaug-m9-n2, autoaug, .* received 'autoaugment'"
    ):
        parse_auto_augment("autoaugment")

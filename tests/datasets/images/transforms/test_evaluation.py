import numpy as np
import pytest

from tests.support.images import Photo
from trainer.datasets.images.transforms.evaluation import EvaluationTransform


@pytest.mark.parametrize(
    ("size", "crop_pct", "side"),
    [(224, 0.875, 256), (224, 0.9, 248), (224, 0.95, 235), (9, 1.0, 9)],
)
def test_side_before_the_crop(size: int, crop_pct: float, side: int) -> None:
    assert EvaluationTransform(size, crop_pct).resized_side == side


def test_nothing_is_random(photo: Photo) -> None:
    transform = EvaluationTransform(64, interpolation="bicubic")
    first = transform(photo, np.random.default_rng(0))
    assert first.shape == (3, 64, 64)
    np.testing.assert_array_equal(first, transform(photo))

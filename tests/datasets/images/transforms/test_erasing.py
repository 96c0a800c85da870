import numpy as np

from trainer.data.sampling import sample_generator
from trainer.datasets.images.transforms.erasing import random_erasing


def test_a_rectangle_is_erased() -> None:
    shares = []
    for index in range(300):
        image = np.ones((3, 40, 60), np.float32)
        random_erasing(image, sample_generator(0, 0, index), 1.0)
        _, rows, columns = np.nonzero(image == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == 3 * height * width
        shares.append(height * width / 2400)
    assert 0.01 < min(shares) < 0.04
    assert 0.28 < max(shares) < 0.35


def test_probability() -> None:
    images = np.ones((1000, 3, 8, 8), np.float32)
    for index, image in enumerate(images):
        random_erasing(image, sample_generator(0, 0, index), 0.25)
    assert 0.2 < (images.min(axis=(1, 2, 3)) == 0).mean() < 0.3


def test_a_rectangle_that_never_fits() -> None:
    image = np.ones((3, 4, 400), np.float32)
    random_erasing(image, np.random.default_rng(0), 1.0, (0.9, 0.9), (1.0, 1.0))
    assert image.all()

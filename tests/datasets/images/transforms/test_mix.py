import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.data.mixing import soft_labels
from trainer.data.sampling import batch_generator
from trainer.datasets.images.transforms.mix import Mix


def batch(count: int = 6) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Images whose pixels are all their class, and their labels."""
    classes = np.arange(count)
    images = np.ones((count, 3, 10, 12), np.float32) * classes[:, None, None, None]
    return images.astype(np.float32), soft_labels(classes, count)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0])
def test_mixup(alpha: float) -> None:
    shares = []
    for number in range(300):
        images, labels = batch()
        share = Mix(mixup=alpha)(images, labels, batch_generator(0, 0, number))
        shares.append(share)
        expected = [0, 1, 2, 3, 4, 5] + (1 - share) * np.array([1, -1, 1, -1, 1, -1])
        np.testing.assert_allclose(images[:, 0, 5, 5], expected, atol=1e-5)
        np.testing.assert_allclose(labels @ np.arange(6), expected, atol=1e-5)
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)  # of Beta(a, a)


def test_cutmix() -> None:
    shares = []
    for number in range(300):
        images, labels = batch()
        share = Mix(cutmix=1.0)(images, labels, batch_generator(0, 0, number))
        shares.append(share)
        assert set(np.unique(images[2])) <= {2, 3}
        np.testing.assert_allclose(
            (images == np.arange(6)[:, None, None, None]).mean((1, 2, 3)), share
        )
        np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), labels @ np.arange(6), atol=1e-5)
    assert min(shares) < 0.3
    assert max(shares) > 0.95


def test_one_of_both_is_drawn() -> None:
    cuts = []
    for number in range(400):
        images, labels = batch()
        Mix(mixup=1.0, cutmix=1.0, cutmix_prob=0.3)(images, labels, batch_generator(0, 0, number))
        cuts.append(images[0].max() in (0, 1))
    assert 0.23 < np.mean(cuts) < 0.37


def test_two_ranks_mix_as_one_process() -> None:
    for settings in ({"mixup": 0.4}, {"cutmix": 1.0}):
        whole, labels = batch(8)
        parts, part_labels = batch(8)
        Mix(**settings)(whole, labels, batch_generator(0, 3, 7))
        for rank in (slice(0, 4), slice(4, 8)):
            Mix(**settings)(parts[rank], part_labels[rank], batch_generator(0, 3, 7))
        np.testing.assert_array_equal(parts, whole)
        np.testing.assert_array_equal(part_labels, labels)


def test_the_last_of_an_odd_number_stays() -> None:
    for settings in ({"mixup": 1.0}, {"cutmix": 1.0}):
        for count in (1, 5):
            images, labels = batch(count)
            Mix(**settings)(images, labels, batch_generator(0, 0, 1))
            assert (images[-1] == count - 1).all()
            assert labels[-1].tolist() == [0] * (count - 1) + [1]


def test_nothing_is_mixed_without_an_alpha() -> None:
    images, labels = batch()
    assert Mix()(images, labels, batch_generator(0, 0, 0)) == 1.0
    np.testing.assert_array_equal(images, batch()[0])

import os
from pathlib import Path

import numpy as np
import pytest

from trainer.datasets.fashion_mnist import SOURCE, fashion_mnist
from trainer.datasets.idx import FILES, read

PACKAGE = Path(SOURCE.places[0])

needs_package = pytest.mark.skipif(
    not PACKAGE.is_dir() and "CI" not in os.environ,
    reason="needs Debian's package: apt-get install dataset-fashion-mnist",
)


@pytest.mark.slow
@needs_package
def test_debians_package_is_found_and_whole() -> None:
    train, validation = fashion_mnist(batch_size=1000)
    assert (train.get_dataset_size(), validation.get_dataset_size()) == (60, 10)
    batches = list(validation.create_tuple_iterator(num_epochs=1, output_numpy=True))
    assert np.bincount(np.concatenate([label for _, label in batches])).tolist() == [1000] * 10
    inner = np.concatenate([image for image, _ in batches])[:, :, 2:-2, 2:-2]
    assert abs(inner.mean()) < 0.01
    assert abs(inner.std() - 1) < 0.01


@pytest.mark.slow
@needs_package
def test_mean_and_std_are_those_of_the_training_images() -> None:
    pixels = read(PACKAGE / f"{FILES[0]}.gz", dimensions=3) / 255
    assert pixels.shape == (60_000, 28, 28)
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (SOURCE.mean, SOURCE.std)


def test_says_where_it_looked_and_how_to_get_the_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        fashion_mnist(batch_size=10, root=str(tmp_path))
    for part in (str(tmp_path), *FILES, "dataset-fashion-mnist", "dataset.root=FOLDER"):
        assert part in str(error.value)

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from tests.support.images import MakeImages, Photo


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """Writes small images, each of another colour, and gives the folder they are in."""

    def make(*names: str, size: tuple[int, int] = (6, 4), **options: Any) -> Path:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = (number * 40 % 256, 255 - number * 30 % 256, 100)
            Image.new("RGB", size, colour).save(path, **options)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def photo() -> Photo:
    """A photograph of a flower, [427, 640, 3]."""
    image: Photo = load_sample_images().images[1]
    return image

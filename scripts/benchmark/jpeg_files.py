"""JPEG files in class folders, generated from real photographs. Imports no framework."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from scripts.benchmark.case import CLASSES, SEED

SIZE = 500, 375  # width and height, as most images of ImageNet have
QUALITY = 90  # about 50 kB per file


def path(folder: Path) -> Path:
    """Return the folder of the class folders."""
    return folder / "jpeg_files"


def write(folder: Path, count: int) -> None:
    """Write parts of photographs, the same in each call."""
    for number, image in enumerate(_parts(count)):
        file = path(folder) / f"class{number % CLASSES}" / f"{number:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, quality=QUALITY)


def _parts(count: int) -> Iterator[Image.Image]:
    """Yield random parts of the photographs in turn, all of the same size."""
    random = np.random.default_rng(SEED)
    photos = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for number in range(count):
        photo = photos[number % len(photos)]
        scale = random.uniform(0.75, 1) * min(photo.width / SIZE[0], photo.height / SIZE[1])
        width, height = (scale * side for side in SIZE)
        left, top = random.uniform(0, photo.width - width), random.uniform(0, photo.height - height)
        box = (left, top, left + width, top + height)
        yield photo.resize(SIZE, Image.Resampling.BICUBIC, box)

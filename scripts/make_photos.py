"""Writes labelled images cut from real photographs: train/CLASS/*.jpg and val/CLASS/*.jpg.

A class is a photograph that ships with scikit-image or scikit-learn, an image a patch of it. Each
photograph is divided into tiles like a chessboard: patches for training come from the white tiles,
patches for validation from the black ones, so that the two share no pixel. Patches are grey and
have the same mean and contrast, so neither colour nor brightness tells the classes apart.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Photo = NDArray[np.uint8]

_TILE = 48  # pixels
_PATCH = (24, 48)  # range of the side of a patch
_SIDE = 96  # of the images that are written
_MEAN, _CONTRAST = 128, 48  # and standard deviation, of 255
_FLAT = 6.0  # a lower standard deviation is noise, which is left out
_SPLITS = ("train", "val")  # the white and the black tiles


def main() -> None:
    """Write the folder and print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--count", type=int, default=20, help="images per class and part (20)")
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"expected a new folder, received {options.out}, which exists")
    names = write_photos(options.out, options.count)
    print(f"{options.out}: {options.count} images per class for training, as many for validation")
    print(f"{len(names)} classes: {', '.join(names)}")


def write_photos(out: Path, count: int) -> list[str]:
    """Write the images, the same ones each time; return the names of the classes."""
    names = []
    for number, (name, photo) in enumerate(_photographs()):
        names.append(name)
        grey = np.asarray(Image.fromarray(photo).convert("L"))
        for black, split in enumerate(_SPLITS):
            random = np.random.default_rng([number, black])
            folder = out / split / name
            folder.mkdir(parents=True)
            for index, patch in zip(
                range(count), _patches(grey, bool(black), random), strict=False
            ):
                resized = Image.fromarray(patch).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                resized.save(folder / f"{index:03}.jpg", quality=92)
    return names


def _photographs() -> Iterator[tuple[str, Photo]]:
    """Yield name and pixels of each photograph; nothing is downloaded."""
    from skimage.data import data_dir
    from sklearn.datasets import load_sample_images

    files = {
        **{name: f"{name}.png" for name in ("brick", "coffee", "coins", "grass", "gravel")},
        "cat": "chelsea.png",
        "galaxies": "hubble_deep_field.jpg",
        "motorcycle": "motorcycle_left.png",
        "page": "page.png",
        "tissue": "ihc.png",
    }
    for name, file in files.items():
        yield name, np.asarray(Image.open(Path(data_dir) / file).convert("L"))
    yield from zip(("temple", "flower"), load_sample_images().images, strict=True)


def _patches(grey: Photo, black: bool, random: np.random.Generator) -> Iterator[Photo]:
    """Yield patches of the tiles of one colour, in random order."""
    rows, columns = (side // _TILE for side in grey.shape)
    tiles = [(r, c) for r in range(rows) for c in range(columns) if (r + c) % 2 == black]
    while True:
        row, column = tiles[random.integers(len(tiles))]
        side = int(random.integers(*_PATCH, endpoint=True))
        top, left = random.integers(_TILE - side + 1, size=2) + (row * _TILE, column * _TILE)
        patch = grey[top : top + side, left : left + side].astype(np.float32)
        if patch.std() >= _FLAT:
            values = (patch - patch.mean()) / patch.std() * _CONTRAST + _MEAN
            yield values.clip(0, 255).round().astype(np.uint8)


if __name__ == "__main__":
    main()

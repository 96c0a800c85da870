"""MNIST and data sets in its format: finds, reads and checks their IDX files.

An IDX file is two zero bytes, the type of the values (8: unsigned bytes), the number of dimensions,
each dimension as a big-endian 32-bit integer, and the values (http://yann.lecun.com/exdb/mnist).
"""

import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import Arrays, Pipelines, pipelines

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Names of the four files; each may end in `.gz`."""

CLASSES = 10


@dataclass(frozen=True)
class Source:
    """The properties of one data set.

    Attributes:
        places: folders where the files usually are, searched in this order.
        advice: how to get the files.
        mean: mean of the pixels of all training images, on a scale from 0 to 1.
        std: their standard deviation on the same scale.
    """

    places: Sequence[str]
    advice: str
    mean: float
    std: float


def load(
    source: Source, batch_size: int, num_classes: int, root: str | None, limit: int | None
) -> Pipelines:
    """Find, read and check the files of a data set, and return its pipelines.

    Args:
        source: the data set.
        batch_size: images per batch, 1 to the number of training images.
        num_classes: outputs of the model; must be 10.
        root: folder of the files; `None` searches the usual folders.
        limit: number of training images to use, from the first, at least 1; `None` uses all.
            Validation always has all of its images.

    Returns:
        Training and validation: `image` [batch_size, 1, 32, 32] float32, the 28x28 pixels in a
        black frame, with a mean of 0 and a standard deviation of 1 without the frame; and
        `label` [batch_size] int32, 0 to 9.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or an argument is out of its range.
    """
    if num_classes != CLASSES:
        raise ValueError(f"num_classes: expected {CLASSES}, received {num_classes}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit: expected at least 1 or null, received {limit}")
    train_images, train_labels, held_images, held_labels = _find(source, root)
    train = _arrays(source, train_images, train_labels, limit)
    validation = _arrays(source, held_images, held_labels, None)
    return pipelines(train, validation, batch_size, (source.mean, source.std))


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    Args:
        path: the file, a gzip file if it is named `.gz`.
        dimensions: number of dimensions that the values must have.

    Raises:
        ValueError: the file is not what its name or its header says.
    """
    content = _unpacked(path)
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise _damaged(path, f"the magic number {magic.hex()}", content[:4].hex() or "nothing")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise _damaged(path, f"a header of {start} bytes", f"{len(content)} bytes")
    shape = np.frombuffer(content, ">u4", dimensions, offset=4).tolist()
    size = start + math.prod(shape)
    if len(content) != size:
        raise _damaged(path, f"{size} bytes for the shape {shape}", f"{len(content)} bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _damaged(path: Path, expected: str, received: str) -> ValueError:
    return ValueError(f"{path}: expected {expected}, received {received}")


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _damaged(path, "a complete gzip file", f"a damaged one ({error})") from error


def _find(source: Source, root: str | None) -> list[Path]:
    missing = []
    for place in source.places if root is None else [root]:
        folder = Path(place).expanduser().absolute()
        paths = {
            name: path
            for name in FILES
            for path in (folder / f"{name}.gz", folder / name)
            if path.is_file()
        }
        if len(paths) == len(FILES):
            return list(paths.values())
        missing.append(f"  in {folder}: {', '.join(name for name in FILES if name not in paths)}")
    raise FileNotFoundError(
        "\n".join(["missing files, with or without .gz:", *missing, source.advice])
    )


def _arrays(source: Source, image_file: Path, label_file: Path, limit: int | None) -> Arrays:
    images, labels = read(image_file, dimensions=3), read(label_file, dimensions=1)
    if images.shape[1:] != (28, 28):
        raise _damaged(image_file, "images of 28x28", "x".join(map(str, images.shape[1:])))
    if len(labels) != len(images):
        raise _damaged(label_file, f"{len(images)} labels, one per image", str(len(labels)))
    if labels.max(initial=0) >= CLASSES:
        raise _damaged(label_file, f"labels 0 to {CLASSES - 1}", str(labels.max()))
    images, labels = images[:limit], labels[:limit]
    scaled = np.zeros((len(images), 1, 32, 32), np.float32)
    np.divide(images, 255, out=scaled[:, 0, 2:-2, 2:-2])
    scaled -= source.mean
    scaled /= source.std
    return scaled, labels.astype(np.int32)

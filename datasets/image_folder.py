"""Your own images in one folder per class."""

from collections.abc import Sequence
from pathlib import Path

from .images.cache import ImageCache
from .images.errors import DataError
from .images.image_dataset import CachedSize, ImageDataset
from .images.image_folder import image_folder as scan_folder
from .images.image_list import Splits
from .images.open_cache import open_cache


def image_folder(
    root: str | None,
    holdout: float | None = None,
    test_holdout: float | None = None,
    split_seed: int = 0,
    classes: Sequence[str] | None = None,
    num_classes: int | None = None,
    cache: str | None = None,
    cache_mb: float = 1000,
    cache_side: int | None = None,
    cache_interpolation: str = "bilinear",
) -> dict[str, ImageDataset]:
    """Return the map-style datasets `train` and, where they exist, `validation` and `test`.

    `conf/dataset/image_folder.yaml` explains each argument.

    Raises:
        DataError: see `images.image_folder`.
    """
    if not isinstance(root, str | Path):
        raise DataError(f"root: expected a folder of images, received {root or 'none'}")
    names = tuple(classes) if classes is not None else None
    splits = scan_folder(Path(root).expanduser(), holdout, test_holdout, split_seed, names)
    size = CachedSize(cache_side, cache_interpolation)
    return datasets(splits, num_classes, open_cache(cache, cache_mb), size)


def datasets(
    splits: Splits, num_classes: int | None, cache: ImageCache | None, size: CachedSize
) -> dict[str, ImageDataset]:
    """Return the datasets of the parts that exist, by the name of the part.

    Args:
        splits: the images of each part.
        num_classes: must be the number of classes, or of numbers; `None` is not checked.
        cache: where decoded images are stored; `None` decodes in each epoch.
        size: at which they are stored.

    Raises:
        DataError: the number of classes is another one.
    """
    _check_count(splits, num_classes)
    return {name: ImageDataset(part, cache, size) for name, part in splits.items()}


def _check_count(splits: Splits, num_classes: int | None) -> None:
    images = splits.train
    outputs = len(images.class_names) or (images.labels.shape[1] if images.labels.ndim == 2 else 1)
    if num_classes not in (None, outputs):
        raise DataError(f"num_classes: expected {outputs}, as in the data, received {num_classes}")

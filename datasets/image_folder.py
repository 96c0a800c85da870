"""Your own images in one folder per class."""

from collections.abc import Sequence
from pathlib import Path

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

    Args:
        root: folder with a folder per class, or with such folders in `train`, `val` and `test`.
        holdout: share of each class for validation, where there is no folder `val`.
        test_holdout: share of each class for the test, where there is no folder `test`.
        split_seed: of this split, not of a run, so that all runs have the same parts.
        classes: the names of the classes, in the order of their numbers; `None` takes all folders
            in natural order.
        num_classes: must be the number of classes; `None` is not checked.
        cache: `memory` or `disk` stores decoded images; `None` decodes in each epoch.
        cache_mb: most space for them, in megabytes (10**6 bytes).
        cache_side: shorter side of the images that are stored; `None` stores them as they are.
        cache_interpolation: of the resize to that side.

    Raises:
        DataError: see `images.image_folder`.
    """
    if not isinstance(root, str | Path):
        raise DataError(f"root: expected a folder of images, received {root or 'none'}")
    folder = Path(root).expanduser()
    names = tuple(classes) if classes is not None else None
    splits = scan_folder(folder, holdout, test_holdout, split_seed, names)
    check_count(splits, num_classes)
    store = open_cache(cache, cache_mb)
    size = CachedSize(cache_side, cache_interpolation)
    return {name: ImageDataset(part, store, size) for name, part in splits.items()}


def check_count(splits: Splits, num_classes: int | None) -> None:
    """Check the number of classes.

    Raises:
        DataError: it is another one.
    """
    images = splits.train
    outputs = len(images.class_names) or (images.labels.shape[1] if images.labels.ndim == 2 else 1)
    if num_classes not in (None, outputs):
        raise DataError(f"num_classes: expected {outputs}, as in the data, received {num_classes}")

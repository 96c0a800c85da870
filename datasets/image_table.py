"""Your own images, listed in a table with their labels."""

from collections.abc import Sequence
from pathlib import Path

from .image_folder import datasets
from .images.errors import DataError
from .images.image_dataset import CachedSize, ImageDataset
from .images.image_list import Splits
from .images.open_cache import open_cache
from .images.table import Columns
from .images.table import image_table as read_images


def image_table(
    file: str | None,
    root: str | None = None,
    path: str = "path",
    labels: str | Sequence[str] = "label",
    label_type: str = "class",
    separator: str = "|",
    split: str | None = None,
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
    """Return the datasets `train` and, where they exist, `validation` and `test`.

    `conf/dataset/image_table.yaml` explains each argument, and `images.table` what is refused.
    """
    columns = Columns(path, _listed(labels), label_type, separator, split)
    shares = holdout, test_holdout, split_seed
    splits = read_images(_table(file), columns, _folder(root), *shares)
    _check_classes(splits, classes)
    size = CachedSize(cache_side, cache_interpolation)
    return datasets(splits, num_classes, open_cache(cache, cache_mb), size)


def _table(file: str | None) -> Path:
    if not isinstance(file, str | Path):
        raise DataError(f"file: expected a table of images, received {file or 'none'}")
    return Path(file).expanduser()


def _folder(root: str | None) -> Path | None:
    return None if root is None else Path(root).expanduser()


def _listed(labels: str | Sequence[str]) -> Sequence[str]:
    return [labels] if isinstance(labels, str) else labels


def _check_classes(splits: Splits, classes: Sequence[str] | None) -> None:
    found = splits.train.class_names
    if classes is not None and tuple(classes) != found:
        expected = f"expected {list(found)}, as in the table"
        raise DataError(f"classes: {expected}, received {list(classes)}")

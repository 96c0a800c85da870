"""Your own images, listed in a table with their labels."""

from collections.abc import Sequence
from pathlib import Path

from .image_folder import check_count
from .images.errors import DataError
from .images.image_dataset import CachedSize, ImageDataset
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
    """Return the map-style datasets `train` and, where they exist, `validation` and `test`.

    Args:
        file: a table that ends in `.csv`, `.tsv` or `.parquet`.
        root: the folder that its paths are relative to; `None` is the table's.
        path: column of the paths.
        labels: column of the labels, or several.
        label_type: `class`, `multi_label` or `number`.
        separator: between the names of a `multi_label` column.
        split: column of `train`, `val` and `test`; `None` splits by shares.
        holdout: share of each class for validation.
        test_holdout: share of each class for the test.
        split_seed: of this split, not of a run.
        classes: the names that the classes must have, in order; `None` takes those of the table.
        num_classes: must be the number of classes, or of numbers; `None` is not checked.
        cache: see `image_folder`, as for what follows.
        cache_mb: likewise.
        cache_side: likewise.
        cache_interpolation: likewise.

    Raises:
        DataError: see `images.table`.
    """
    if not isinstance(file, str | Path):
        raise DataError(f"file: expected a table of images, received {file or 'none'}")
    columns = Columns(
        path, [labels] if isinstance(labels, str) else labels, label_type, separator, split
    )
    folder = None if root is None else Path(root).expanduser()
    splits = read_images(
        Path(file).expanduser(), columns, folder, holdout, test_holdout, split_seed
    )
    if classes is not None and tuple(classes) != splits.train.class_names:
        expected = f"expected {list(splits.train.class_names)}, as in {file}"
        raise DataError(f"classes: {expected}, received {list(classes)}")
    check_count(splits, num_classes)
    store = open_cache(cache, cache_mb)
    size = CachedSize(cache_side, cache_interpolation)
    return {name: ImageDataset(part, store, size) for name, part in splits.items()}

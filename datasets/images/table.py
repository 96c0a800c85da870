"""A table of image paths and labels: CSV, TSV or Parquet."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .holdout import split
from .image_list import ImageList, Splits
from .table_labels import PARSERS

Table = dict[str, list[Any]]
"""The values of each column."""

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PARTS = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}
_PARTS["validation"] = "validation"


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and how.

    Attributes:
        path: of paths, relative to the table's folder or absolute.
        labels: of labels; several columns of 0 and 1, or of numbers, are one label per column.
        label_type: `class` for the name of one class, `multi_label` for several names, `number`.
        separator: between the names of a `multi_label` column.
        split: of `train`, `val` and `test`; `None` if the table has no such column.
    """

    path: str = "path"
    labels: Sequence[str] = ("label",)
    label_type: str = "class"
    separator: str = "|"
    split: str | None = None
    names: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.label_type not in PARSERS:
            raise DataError(
                f"label_type: expected {', '.join(PARSERS)}, received '{self.label_type}'"
            )
        names = [self.path, *self.labels, *([self.split] if self.split else [])]
        object.__setattr__(self, "names", names)


def image_table(
    file: Path,
    columns: Columns | None = None,
    root: Path | None = None,
    holdout: float | None = None,
    test_holdout: float | None = None,
    seed: int = 0,
) -> Splits:
    """Return the images of a table, split by a column or by shares as in `image_folder`.

    Args:
        file: `.csv`, `.tsv` or `.parquet`, with the names of its columns in the first row.
        columns: which columns are read.
        root: the folder that paths are relative to; `None` is the table's.
        holdout: share for validation.
        test_holdout: share for the test.
        seed: of the split.

    Raises:
        DataError: a column, a file or a label is missing or wrong, or a file is listed twice.
    """
    columns = columns or Columns()
    table = read_table(file, columns.names)
    images = _image_list(file, table, columns, root or file.parent)
    if columns.split is None:
        return split(images, holdout or 0, test_holdout or 0, seed)
    if holdout or test_holdout:
        raise DataError(_both(file, columns.split))
    return _split_by_column(file, images, table[columns.split])


def _both(file: Path, column: str) -> str:
    return (
        f"holdout: expected null, also for test_holdout, because column '{column}' of {file} "
        "splits the images"
    )


def read_table(file: Path, names: Sequence[str]) -> Table:
    """Return these columns of a table.

    Raises:
        DataError: the file cannot be read, or a column is missing.
    """
    suffix = file.suffix.lower()
    readers: dict[str, Callable[[Path], Table]] = {".parquet": _read_parquet}
    readers |= dict.fromkeys(_DELIMITERS, _read_text)
    if suffix not in readers:
        raise DataError(f"{file}: expected a table that ends in {', '.join(readers)}")
    try:
        table = readers[suffix](file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: expected a table, received: {error}") from None
    for name in names:
        if name not in table:
            near = get_close_matches(name, table, 1)
            hint = f"; the nearest is '{near[0]}'" if near else _hint(file, list(table))
            raise DataError(f"{file}: expected a column '{name}', received {list(table)}{hint}")
    if not table[names[0]]:
        raise DataError(f"{file}: expected at least one row, received none")
    return {name: table[name] for name in names}


def _hint(file: Path, header: Sequence[str]) -> str:
    """Return what to do about a table whose cells are separated by something else."""
    if len(header) != 1 or not set(header[0]) & set(",;\t"):
        return ""
    return f"; the cells of {file.suffix} are separated by {_DELIMITERS[file.suffix.lower()]!r}"


def _read_text(file: Path) -> Table:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=_DELIMITERS[file.suffix.lower()], strict=True)
        header = [name.strip() for name in next(reader, [])]
        rows = [row for row in reader if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise DataError(
                f"{file}, row {number}: expected {len(header)} cells as in the first line, "
                f"received {len(row)}"
            )
    if twice := sorted(name for name, count in Counter(header).items() if count > 1 and name):
        raise DataError(f"{file}: expected each column once, received '{twice[0]}' several times")
    return {name: [row[at].strip() for row in rows] for at, name in enumerate(header)}


def _read_parquet(file: Path) -> Table:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError:
        raise DataError(
            f"{file}: Parquet is read by pyarrow, which is not installed; pip install pyarrow, or "
            "write the table as CSV"
        ) from None
    except ImportError as error:  # pyarrow 26 refuses NumPy 1, which MindSpore 2.9 requires
        raise DataError(
            f"{file}: Parquet is read by pyarrow, which cannot be imported: {error}; with NumPy 1 "
            "pip install 'pyarrow<26', or write the table as CSV"
        ) from None
    try:
        table: Table = parquet.read_table(file).to_pydict()
    except ArrowInvalid as error:
        raise DataError(f"{file}: expected a Parquet table, received: {error}") from None
    return table


def _image_list(file: Path, table: Table, columns: Columns, root: Path) -> ImageList:
    files = tuple(str(path) for path in table[columns.path])
    _check_files(file, files, root)
    cells = [table[name] for name in columns.labels]
    try:
        labels, class_names = PARSERS[columns.label_type](cells, columns)
    except DataError as error:
        raise DataError(f"{file}, {error}") from None
    return ImageList(root, files, labels, class_names)


def _check_files(file: Path, files: Sequence[str], root: Path) -> None:
    rows: dict[str, int] = {}
    for number, name in enumerate(files, 1):
        if rows.setdefault(name, number) != number:
            raise DataError(
                f"{file}, row {number}: expected each file once, received '{name}', which is in "
                f"row {rows[name]} too; several labels of one image belong in one row"
            )
    missing = [(number, name) for name, number in rows.items() if not (root / name).is_file()]
    if missing:
        number, name = missing[0]
        raise DataError(
            f"{file}, row {number}: expected a file relative to {root}, received '{name}', which "
            f"does not exist; {len(missing)} of {len(files)} files are missing"
        )


def _split_by_column(file: Path, images: ImageList, parts: Sequence[str]) -> Splits:
    for number, part in enumerate(parts, 1):
        if part not in _PARTS:
            raise DataError(
                f"{file}, row {number}: expected {', '.join(_PARTS)}, received '{part}'"
            )
    names = np.array([_PARTS[part] for part in parts])
    lists = {name: images.select(np.flatnonzero(names == name)) for name in set(names.tolist())}
    if "train" not in lists:
        raise DataError(f"{file}: expected images for training, received none")
    return replace(Splits(lists["train"]), **lists)
